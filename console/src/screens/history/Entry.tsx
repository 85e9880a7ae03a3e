import { Link } from "@tanstack/react-router";
import { ArrowRight, ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { text } from "../../text";
import { answered } from "../employees/answered";
import type { Attempt, HistoryEntry } from "./data";
import { titleOf, words } from "./text";
import { Value } from "./Value";

const TONE: Record<string, string> = {
  "push.succeeded": "synced",
  "push.adopted": "synced",
  "push.failed": "failed",
  "push.held": "held",
  "employee.unreadable": "needs_action",
  "record.disputed": "needs_action",
  "record.unlinked": "needs_action",
  "match.failed": "failed",
  "plan.held": "held",
};

interface EntryProps {
  entry: HistoryEntry;
  /** Who an actor is. */
  nameOf: (actor: string | null | undefined) => string;
  /** Whether it says whose entry it is. */
  named: boolean;
}

export function Entry({ entry, nameOf, named }: EntryProps) {
  const { route } = useCompany();
  const side = (entry.side === "destination" ? route?.destinationLong : route?.sourceLong) ?? "";
  const cause = entry.cause ? text.history.cause(entry.cause) : undefined;
  const tone = entry.kind === "status" ? entry.status : TONE[entry.type];
  const count = entry.detail?.records ?? entry.detail?.total;
  const showsStatus =
    entry.status &&
    entry.kind !== "status" &&
    !(entry.type === "push.succeeded" && entry.status === "synced");
  return (
    <li className={`entry ${tone ?? ""}`}>
      <div className="entry-head">
        <strong>{titleOf(entry, side)}</strong>
        <time dateTime={entry.at} title={exactly(entry.at)}>
          {when(entry.at)}
        </time>
      </div>
      <div className="entry-by">
        {named && entry.record_id && <Person entry={entry} />}
        <span>{entry.automatic ? words.byRule : text.history.by(nameOf(entry.actor))}</span>
        {cause && <span>· {cause}</span>}
        {typeof count === "number" && <span>· {words.records(count)}</span>}
        {entry.run_id && <Run entry={entry} />}
        {showsStatus && entry.status && (
          <span className={`dotted ${entry.status} entry-status`}>{words.status(entry)}</span>
        )}
      </div>
      {entry.reason_text && entry.reason_text !== "" && <p className="entry-reason">{entry.reason_text}</p>}
      {typeof entry.detail?.note === "string" && <p className="entry-reason">“{entry.detail.note}”</p>}
      <Changes entry={entry} />
      {(entry.attempts ?? []).length > 0 && (
        <Attempts attempts={entry.attempts ?? []} system={route?.destinationLong ?? ""} />
      )}
    </li>
  );
}

function Person({ entry }: { entry: HistoryEntry }) {
  const { id } = useCompany();
  if (entry.side !== "source" || !entry.record_id)
    return <span>{entry.record_name || text.employees.noName} ·</span>;
  return (
    <span>
      <Link
        to="/c/$company/employees"
        params={{ company: id }}
        search={{ record: entry.record_id, view: "history" }}
        className="link"
      >
        {entry.record_name || text.employees.noName}
      </Link>{" "}
      ·
    </span>
  );
}

function Run({ entry }: { entry: HistoryEntry }) {
  const { id } = useCompany();
  return (
    <span>
      ·{" "}
      <Link
        to="/c/$company/runs"
        params={{ company: id }}
        search={{ run: entry.run_id ?? undefined }}
        className="link"
      >
        {words.run}
      </Link>
    </span>
  );
}

function Changes({ entry }: { entry: HistoryEntry }) {
  const changes = Object.entries(entry.changes ?? {});
  const hidden = entry.hidden ?? [];
  if (changes.length + hidden.length === 0) return null;
  return (
    <dl className="changes">
      {changes.map(([field, { before, after }]) => (
        <div key={field}>
          <dt>{text.history.field(field)}</dt>
          <dd>
            <Value value={before} old />
            <ArrowRight size={13} aria-label={text.history.became} />
            <Value value={after} />
          </dd>
        </div>
      ))}
      {hidden.map((field) => (
        <div key={field}>
          <dt>{text.history.field(field)}</dt>
          <dd>
            <i className="muted">{text.history.hidden}</i>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Each step of a push; opened by a press. */
function Attempts({ attempts, system }: { attempts: readonly Attempt[]; system: string }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const tries = attempts.filter((one) => one.type !== "push.planned").length;
  const last = [...attempts].reverse().find((one) => one.answer?.trace_id)?.answer;
  return (
    <div className="attempts">
      <AriaButton
        className="attempts-head"
        aria-expanded={open}
        aria-controls={id}
        onPress={() => setOpen(!open)}
      >
        <ChevronRight size={14} aria-hidden="true" className={open ? "turned" : undefined} />
        {words.attempts(Math.max(1, tries))}
        {last && <span className="muted">{`trace ${last.trace_id}`}</span>}
      </AriaButton>
      <ol id={id} hidden={!open} className="attempts-list">
        {[...attempts].reverse().map((one) => (
          <li key={one.n}>
            <time dateTime={one.at} title={exactly(one.at)}>
              {when(one.at)}
            </time>
            <b>{words.attempt[one.type] ?? one.type}</b>
            <span>
              {one.reason_text} {one.answer && answered(system, one.answer)}{" "}
              {one.retry_at && <span className="muted">{words.retryAt(when(one.retry_at))}</span>}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
