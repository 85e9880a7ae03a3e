import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import type { CompanyView, Status } from "../api/client";
import { companies, counts } from "../api/queries";
import { routeOf } from "../company";
import { loadFont } from "../font";
import { n, STATUS, text } from "../text";
import { State } from "../ui/State";
import { Crash } from "./Root";
import { Top } from "./Top";

/** The companies one may see, and how each stands. */
export function Portfolio() {
  const known = useQuery(companies);
  useEffect(() => {
    if (known.data) loadFont();
  }, [known.data]);
  if (known.isError) return <Crash error={known.error} />;
  return (
    <div className="frame lone-frame">
      <title>{text.title(text.portfolio.title)}</title>
      <Top />
      <main className="main portfolio">
        <h1>{text.portfolio.title}</h1>
        <p className="lead">{text.portfolio.lead}</p>
        {known.data?.length === 0 && <State title={text.portfolio.none} fix={text.portfolio.noneFix} />}
        <ul className="cards">
          {known.data?.map((company) => (
            <Card key={company.company_id} company={company} />
          ))}
        </ul>
      </main>
    </div>
  );
}

const SHOWN: readonly Status[] = ["needs_action", "failed", "held", "needs_sync", "synced"];

function Card({ company }: { company: CompanyView }) {
  const route = routeOf(company);
  const found = useQuery({ ...counts(company.company_id, ""), enabled: route !== null }).data;
  const total = Object.values(found ?? {}).reduce((sum, one) => sum + one, 0);
  return (
    <li>
      <Link to="/c/$company/employees" params={{ company: company.company_id }} className="card company-card">
        <strong>{company.name}</strong>
        <span className="muted">
          {route ? text.employees.route(route.sourceLong, route.destinationLong) : text.employees.noRoute}
        </span>
        <span className="card-counts">
          {found && <span>{text.portfolio.people(total)}</span>}
          {SHOWN.filter((status) => (found?.[status] ?? 0) > 0).map((status) => (
            <span key={status} className={`dotted ${status}`}>
              {STATUS[status]} {n(found?.[status] ?? 0)}
            </span>
          ))}
        </span>
      </Link>
    </li>
  );
}
