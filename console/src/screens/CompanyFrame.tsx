import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { RefreshCcwDot, Users } from "lucide-react";
import { useEffect, useMemo } from "react";
import { companies } from "../api/queries";
import { CompanyContext, routeOf, useLive } from "../company";
import { rememberCompany } from "../router";
import { text } from "../text";
import { Crash, NotHere } from "./Root";
import { Top } from "./Top";

/** A company's pages: header, the way left, and its live data. */
export function CompanyFrame() {
  const { company: id } = useParams({ from: "/c/$company" });
  const known = useQuery(companies);
  const { rows, link } = useLive(id);
  const view = known.data?.find((one) => one.company_id === id);
  const company = useMemo(
    () => view && { view, id, route: routeOf(view), mayChange: view.role !== "viewer", rows, link },
    [view, id, rows, link],
  );
  useEffect(() => {
    if (view) rememberCompany(view.company_id);
  }, [view]);

  if (known.isError) return <Crash error={known.error} />;
  if (known.data && !view) return <NotHere />;
  return (
    <div className="frame">
      <Top company={id} link={link} />
      <nav className="side" aria-label={text.nav.integration}>
        <Link to="/c/$company/employees" params={{ company: id }} search={{}} className="side-link">
          <RefreshCcwDot size={17} aria-hidden="true" />
          {text.nav.erp}
        </Link>
        <Link
          to="/c/$company/employees"
          params={{ company: id }}
          className="side-link nested"
          activeProps={{ "aria-current": "page" }}
          activeOptions={{ includeSearch: false }}
        >
          <Users size={16} aria-hidden="true" />
          {text.nav.employees}
        </Link>
      </nav>
      <main className="main">
        {company && (
          <CompanyContext value={company}>
            <Outlet key={id} />
          </CompanyContext>
        )}
      </main>
    </div>
  );
}
