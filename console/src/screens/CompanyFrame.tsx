import { useQuery } from "@tanstack/react-query";
import { Outlet, useParams } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { companies } from "../api/queries";
import { CompanyContext, routeOf, useLive } from "../company";
import { rememberCompany } from "../session";
import { Crash, NotHere } from "./Root";
import { Side } from "./Side";
import { Top } from "./Top";
import "./CompanyFrame.css";

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
      <Side company={id} />
      <main className="main" id="main" tabIndex={-1}>
        {company && (
          <CompanyContext value={company}>
            <Outlet key={id} />
          </CompanyContext>
        )}
      </main>
    </div>
  );
}
