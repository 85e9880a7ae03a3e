import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import type { PlanRecord } from "./types";
import { Changed } from "./Value";
import { ACTION, words } from "./words";

/** One record of the plan: every change, what stays, and when both sides were read. */
export function Chosen({ record, onClose }: { record: PlanRecord; onClose: () => void }) {
  const { id, route } = useCompany();
  const name = record.name || record.number || record.remote_id;
  const changes = Object.entries(record.fields ?? {});
  const moved = Object.entries((record.moved ?? {}) as NonNullable<PlanRecord["fields"]>);
  return (
    <aside className="plan-chosen" aria-label={words.details(name)}>
      <header>
        <div>
          <h2>{name}</h2>
          <span className={`plan-action ${record.action}`}>{ACTION[record.action]}</span>
        </div>
        <Button look="icon" aria-label={text.actions.close} onPress={onClose}>
          <X size={18} aria-hidden="true" />
        </Button>
      </header>
      {record.reason_text && (
        <p className="plan-reason">
          {record.reason_text} {record.fix}
        </p>
      )}
      <Changes changes={changes} created={record.action === "create"} hidden={record.hidden ?? []} />
      {moved.length > 0 && (
        <>
          <p className="plan-reason">{words.movedTitle}</p>
          <Changes changes={moved} created={record.action === "create"} hidden={[]} />
        </>
      )}
      {(record.unchanged ?? 0) > 0 && <p className="muted">{words.unchanged(record.unchanged ?? 0)}</p>}
      <p className="muted">
        {record.source_read_at && route && words.sourceRead(route.source, when(record.source_read_at))}
        {record.destination_read_at && route && (
          <>
            {" · "}
            {words.sourceRead(route.destination, when(record.destination_read_at))}
          </>
        )}
      </p>
      <Link
        className="plan-link"
        to="/c/$company/employees"
        params={{ company: id }}
        search={{ record: record.record_id, view: "history" }}
      >
        {words.history}
      </Link>
    </aside>
  );
}

function Changes(props: {
  changes: [string, NonNullable<PlanRecord["fields"]>[string]][];
  created: boolean;
  hidden: readonly string[];
}) {
  return (
    <dl className="plan-changes">
      {props.changes.map(([field, change]) => (
        <div key={field}>
          <dt>{words.field(field)}</dt>
          <dd>
            <Changed change={change} created={props.created} />
          </dd>
        </div>
      ))}
      {props.hidden.map((field) => (
        <div key={field}>
          <dt>{words.field(field)}</dt>
          <dd className="muted">{words.hidden}</dd>
        </div>
      ))}
    </dl>
  );
}
