import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft, Copy, RotateCw } from "lucide-react";
import type { ApiError } from "../../api/client";
import { retry, run as runQuery } from "../../api/queries";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { newKey } from "../../key";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Spinner, State } from "../../ui/State";
import { watchRun } from "../employees/watched";
import { Who } from "../history/Who";
import { useSync } from "../plans/useSync";
import { CancelButton } from "./CancelButton";
import { type RunDetail, type RunReason, recordsWith, runRecords } from "./data";
import { Bar, summed } from "./Result";
import { isOver, partsOf, words } from "./text";

/** One run: what became of its records, why, and what to do. */
export function RunDetailPanel({ run: id, onClose }: { run: string | undefined; onClose: () => void }) {
  const { id: company } = useCompany();
  const found = useQuery({ ...runQuery(company, id ?? ""), enabled: id !== undefined });
  if (!id)
    return (
      <section className="panel run-detail" aria-label={words.detail}>
        <p className="muted run-choose">{words.choose}</p>
      </section>
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="panel run-detail" aria-label={words.detail} tabIndex={0}>
      <Button look="text" onPress={onClose}>
        <ArrowLeft size={14} aria-hidden="true" />
        {words.back}
      </Button>
      {found.isPending && (
        <div className="centre">
          <Spinner size={20} />
        </div>
      )}
      {found.isError && (
        <State alert title={text.errors.title} fix={(found.error as ApiError).message || text.errors.offline}>
          <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
        </State>
      )}
      {found.data && <Detail run={found.data} />}
    </section>
  );
}

function Detail({ run }: { run: RunDetail }) {
  const { route } = useCompany();
  const reasons = run.reasons ?? [];
  const parts = partsOf(run, reasons);
  const total = run.counts.total ?? summed(parts);
  const title = words.long(run, route?.source ?? "", route?.destination ?? "");
  const ended = run.ended_at ? Date.parse(run.ended_at) : Date.now();
  return (
    <>
      <header className="run-head">
        <div>
          <h2>{title}</h2>
          <p className="muted">
            <Who actor={run.actor} />
            {" · "}
            <time dateTime={run.started_at} title={exactly(run.started_at)}>
              {when(run.started_at)}
            </time>
          </p>
        </div>
        <div className="run-actions">
          {!isOver(run) && <CancelButton run={run} />}
          <Button small onPress={() => void copyLink()}>
            <Copy size={14} aria-hidden="true" />
            {words.copy}
          </Button>
        </div>
      </header>
      <Bar parts={parts} total={total} label={title} />
      <ul className="run-parts">
        {run.state === "queued" && <li className="dotted syncing">{words.queued}</li>}
        {parts.map((part) => (
          <li key={part.id} className={`dotted ${part.tone ?? "held"}`}>
            {part.words}
          </li>
        ))}
      </ul>
      {run.reason && (
        <p className="run-reason">
          {run.reason_text} {run.fix}
        </p>
      )}
      <dl className="run-facts">
        <Fact
          name={isOver(run) ? words.took : words.since}
          value={words.duration(ended - Date.parse(run.started_at))}
        />
        <Fact name={words.about} value={aboutOf(run)} />
      </dl>
      {reasons.length > 0 && (
        <>
          <h3>{words.why}</h3>
          <ul className="run-reasons">
            {reasons.map((reason) => (
              <Reason
                key={`${reason.outcome} ${reason.reason} ${reason.field ?? ""}`}
                run={run}
                reason={reason}
              />
            ))}
          </ul>
        </>
      )}
      <Records run={run} />
    </>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

function aboutOf(run: RunDetail): string {
  if (run.counts.total) return words.selected(run.counts.total);
  return run.mode === "new" ? words.onlyNew : words.whole;
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    notice.good(words.copied);
  } catch {
    notice.bad(text.errors.message(""));
  }
}

const LOUD: Record<string, string> = {
  failed: "failed",
  needs_action: "needs_action",
  unreadable: "needs_action",
};

function Reason({ run, reason }: { run: RunDetail; reason: RunReason }) {
  const { id, mayChange } = useCompany();
  const sync = useSync();
  const client = useQueryClient();
  const again = useMutation({
    mutationFn: async () => {
      const ids = await recordsWith(id, run.run_id, reason);
      if (ids.length !== 1) return sync({ ids }, newKey());
      const { run_id } = await retry(id, ids[0] as string, newKey());
      watchRun(id, run_id);
      return run_id;
    },
    onSuccess: (started) => {
      if (started === null) return;
      notice.good(text.runs.started.sync);
      void client.invalidateQueries({ queryKey: ["runs", id] });
    },
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
  });
  return (
    <li>
      <strong className={`run-number ${LOUD[reason.outcome] ?? "held"}`}>{n(reason.count)}</strong>
      <div>
        <p>{reason.reason_text}</p>
        <p className="muted">
          {reason.fix} <code>{reason.reason}</code>
        </p>
      </div>
      {mayChange && reason.outcome === "failed" && (
        <Button small isPending={again.isPending} onPress={() => again.mutate()}>
          <RotateCw size={14} aria-hidden="true" />
          {words.retry(reason.count)}
        </Button>
      )}
      {reason.outcome === "needs_action" && (
        <Link
          className="button small"
          to="/c/$company/employees"
          params={{ company: id }}
          search={{ status: ["needs_action"] }}
        >
          {words.decide(reason.count)}
        </Link>
      )}
    </li>
  );
}

function Records({ run }: { run: RunDetail }) {
  const { id } = useCompany();
  const found = useInfiniteQuery(runRecords(id, run.run_id));
  const records = found.data?.pages.flatMap((page) => page.items) ?? [];
  if (found.isError) return <Failed error={found.error} onAgain={found.refetch} />;
  if (records.length === 0) return null;
  return (
    <>
      <h3>{words.records}</h3>
      <ul className="run-records">
        {records.map((record) => (
          <li key={record.record_id}>
            <span className="tabular">{record.number ?? text.employees.noNumber}</span>
            <Link
              to="/c/$company/employees"
              params={{ company: id }}
              search={{ record: record.record_id, view: "history" }}
            >
              {record.name || words.noName}
            </Link>
            <span className={`status-label dotted ${OUTCOME_TONE[record.outcome] ?? "held"}`}>
              {words.outcome[record.outcome] ?? record.outcome}
            </span>
            <span className="muted">{words.attempts(record.attempts)}</span>
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <Button look="text" isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
          {words.moreRecords}
        </Button>
      )}
    </>
  );
}

const OUTCOME_TONE: Record<string, string> = {
  succeeded: "synced",
  failed: "failed",
  needs_action: "needs_action",
  unreadable: "needs_action",
  held: "held",
};
