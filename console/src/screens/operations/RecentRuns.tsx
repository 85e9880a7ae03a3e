import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { recentRuns } from "../../api/queries";
import { useCompany } from "../../company";
import { shortly } from "../../format";
import { text } from "../../text";
import { Spinner } from "../../ui/State";
import { isOver, partsOf, words as runWords, toneOf } from "../runs/text";
import { Card } from "./Card";
import { words } from "./text";

/** What runs now, and what ran last. */
export function RecentRuns() {
  const { id } = useCompany();
  const found = useQuery(recentRuns(id)).data?.items;
  return (
    <Card
      title={words.runs}
      lead={words.runsLead}
      actions={
        <Link to="/c/$company/runs" params={{ company: id }} search={{}}>
          {words.allRuns}
        </Link>
      }
    >
      {found?.length === 0 && <p className="muted quiet">{runWords.none}</p>}
      <ul className="ops-list">
        {found?.map((run) => (
          <li key={run.run_id}>
            {isOver(run) ? <span className={`dotted ${toneOf(run)}`} /> : <Spinner size={12} />}
            <Link to="/c/$company/runs" params={{ company: id }} search={{ run: run.run_id }}>
              {runWords.name(run)}
            </Link>
            <span className="grow muted">
              {partsOf(run)
                .filter((part) => part.count > 0)
                .map((part) => part.words)
                .join(" · ") || (isOver(run) ? text.runs.done : "")}
            </span>
            <time className="muted num" dateTime={run.started_at}>
              {shortly(run.started_at)}
            </time>
          </li>
        ))}
      </ul>
    </Card>
  );
}
