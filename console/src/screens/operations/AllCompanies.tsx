import { useQuery } from "@tanstack/react-query";
import type { ApiError, Status } from "../../api/client";
import { me } from "../../api/queries";
import { n, STATUS, text } from "../../text";
import { Page } from "../../ui/Page";
import { State } from "../../ui/State";
import { Top } from "../Top";
import { installation } from "./data";
import { Staff } from "./Staff";
import { words } from "./text";
import "../CompanyFrame.css";
import "../../ui/Status.css";
import "./Operations.css";

const SHOWN: readonly Status[] = ["needs_action", "failed", "held", "needs_sync", "synced"];

/** The installation's companies for its operator, who need not be a member of any. */
export function AllCompanies() {
  const found = useQuery(installation);
  const mine = useQuery(me).data;
  const error = found.error as ApiError | null;
  return (
    <div className="frame lone-frame">
      <Top />
      <main className="main" id="main" tabIndex={-1}>
        <Page title={words.all.title} lead={words.all.lead}>
          {error && !found.data && (
            <State
              alert
              title={error.kind === "forbidden" ? words.all.notYou : text.errors.title}
              fix={error.kind === "forbidden" ? words.all.notYouFix : error.message}
            />
          )}
          {found.data && found.data.unanswered.length > 0 && (
            <p className="ops-banner needs_action">{words.unanswered(found.data.unanswered)}</p>
          )}
          {found.data && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
            <section className="card ops-card chart-table all" tabIndex={0} aria-label={words.all.title}>
              <table className="ops-table">
                <thead>
                  <tr>
                    <th scope="col">{words.all.company}</th>
                    {SHOWN.map((status) => (
                      <th key={status} scope="col" className="end">
                        {STATUS[status]}
                      </th>
                    ))}
                    <th scope="col" className="end">
                      {words.dead}
                    </th>
                    <th scope="col" className="end">
                      {words.all.running}
                    </th>
                    <th scope="col">{words.all.connections}</th>
                  </tr>
                </thead>
                <tbody>
                  {found.data.companies.map((one) => (
                    <tr key={one.company_id}>
                      <th scope="row">{one.name}</th>
                      {SHOWN.map((status) => (
                        <td key={status} className="end">
                          {n(one.counts[status] ?? 0)}
                        </td>
                      ))}
                      <td className="end">{n(one.dead_letters)}</td>
                      <td className="end">{n(one.running)}</td>
                      <td>
                        {Object.entries(one.connections)
                          .map(([state, count]) => `${n(count)} ${state.replaceAll("_", " ")}`)
                          .join(", ") || words.none}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          )}
          {mine?.installation === "admin" && <Staff />}
        </Page>
      </main>
    </div>
  );
}
