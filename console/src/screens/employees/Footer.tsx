import { useInfiniteQuery, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleAlert, CircleCheck, RefreshCw, X } from "lucide-react";
import { type RefObject, useEffect, useRef } from "react";
import { ProgressBar } from "react-aria-components/ProgressBar";
import type { RunView } from "../../api/client";
import { counts, type Filter, list, recentRuns, run as runQuery } from "../../api/queries";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { isOver, toneOf } from "../runs/text";
import { totalOf } from "./totals";
import { dismissRun, useWatched } from "./watched";

/** Always the same height, so that nothing above it moves: how much is listed, and what runs. */
export function Footer({ filter, sort }: { filter: Filter; sort: string }) {
  return (
    <footer className="below">
      <Listed filter={filter} sort={sort} />
      <Runs />
    </footer>
  );
}

function Listed({ filter, sort }: { filter: Filter; sort: string }) {
  const company = useCompany();
  const client = useQueryClient();
  const options = list(company.id, company.rows, filter, sort);
  const found = useInfiniteQuery(options);
  const counted = useQuery(counts(company.id, filter.q));
  const pages = found.data?.pages;
  const loaded = pages?.[0]?.ids.length ?? 0;
  const listed = pages?.[0]?.total ?? 0;
  const total = counted.data ? totalOf(counted.data, filter.status) : listed;
  const atLeast = counted.data?.atLeast ?? false;
  const stale =
    pages !== undefined && counted.data !== undefined && !atLeast && !found.isFetching && total !== listed;
  const calm = stale && filter.status.length === 0 && pages.length === 1;

  const refresh = () => {
    client.setQueryData(options.queryKey, (data) =>
      data ? { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) } : data,
    );
    void found.refetch();
  };

  const pointing = usePointing();
  useEffect(() => {
    if (!stale) return;
    // New rows may take their places by themselves where that moves nothing under a pointer or a focus.
    const panel = document.getElementById("list");
    const settle = () => {
      const used = pointing.current || panel?.contains(document.activeElement);
      if (loaded === 0 || (calm && !used)) void found.refetch();
    };
    const leave = () => {
      pointing.current = false;
      settle();
    };
    settle();
    panel?.addEventListener("pointerleave", leave);
    panel?.addEventListener("focusout", settle);
    return () => {
      panel?.removeEventListener("pointerleave", leave);
      panel?.removeEventListener("focusout", settle);
    };
  }, [stale, calm, loaded, found.refetch, pointing]);

  return (
    <div className="listed">
      <span className="muted">{pages ? text.list.length(listed, atLeast) : ""}</span>
      {stale && loaded > 0 && (
        <>
          <span role="status">{text.list.stale}</span>
          <Button look="quiet" onPress={refresh}>
            <RefreshCw size={14} aria-hidden="true" />
            {text.list.refresh}
          </Button>
        </>
      )}
    </div>
  );
}

/** Whether somebody points at the list: where a dialog has closed over it, only once the pointer moves, unlike `:hover`. */
function usePointing(): RefObject<boolean> {
  const pointing = useRef(false);
  useEffect(() => {
    const follow = ({ target }: PointerEvent) => {
      pointing.current = document.getElementById("list")?.contains(target as Node) ?? false;
    };
    document.addEventListener("pointermove", follow, { passive: true });
    return () => document.removeEventListener("pointermove", follow);
  }, []);
  return pointing;
}

function Runs() {
  const { id } = useCompany();
  const watched = useWatched(id);
  const recent = useQuery(recentRuns(id)).data?.items ?? [];
  const running = recent
    .filter((one) => !isOver(one) && !watched.follow.includes(one.run_id))
    .map((one) => one.run_id);
  const ids = [...running, ...watched.follow].filter((one) => !watched.dismissed.includes(one));
  const runs = useQueries({ queries: ids.map((one) => runQuery(id, one)) })
    .map((one) => one.data)
    .filter((one) => one !== undefined);
  const shown = runs.find((one) => !isOver(one)) ?? runs[0];
  if (!shown) return null;
  return <RunStrip run={shown} others={runs.length - 1} onDismiss={() => dismissRun(id, shown.run_id)} />;
}

function RunStrip({ run, others, onDismiss }: { run: RunView; others: number; onDismiss: () => void }) {
  const { id, route } = useCompany();
  const words = text.runs;
  const title = words.title(run, route?.sourceLong ?? "", route?.destinationLong ?? "");
  const over = isOver(run);
  const skipped = Object.values(run.skipped).reduce((sum, one) => sum + one, 0);
  const done = (run.counts.succeeded ?? 0) + (run.counts.failed ?? 0) + (run.counts.retrying ?? 0) + skipped;
  const total = run.counts.total ?? 0;
  let says: string;
  if (run.state === "failed") says = words.failed;
  else if (run.state === "cancelled") says = words.cancelled;
  else if (over)
    says =
      run.kind === "sync"
        ? words.synced(run.counts, run.skipped)
        : words.imported(run.counts, run.reason ?? null);
  else if (run.state === "queued") says = words.queued;
  else says = run.kind === "sync" ? words.syncing(done, total) : words.reading(run.counts.read ?? 0);
  const bad = toneOf(run) !== "synced";
  return (
    <div className="run">
      {over &&
        (bad ? (
          <CircleAlert size={16} className="bad" aria-hidden="true" />
        ) : (
          <CircleCheck size={16} className="good" aria-hidden="true" />
        ))}
      <Link to="/c/$company/runs" params={{ company: id }} search={{ run: run.run_id }} className="run-title">
        {title}
      </Link>
      {!over && (
        <ProgressBar
          aria-label={title}
          className="progress"
          value={run.kind === "sync" ? done : 0}
          maxValue={total || 1}
          isIndeterminate={run.kind !== "sync" || run.state === "queued"}
        >
          {({ percentage, isIndeterminate }) => (
            <span
              className={isIndeterminate ? "bar moving" : "bar"}
              style={{ width: `${percentage ?? 30}%` }}
            />
          )}
        </ProgressBar>
      )}
      <span className="run-says" title={says} role={over ? "status" : undefined}>
        {says}
      </span>
      {others > 0 && <span className="muted">{words.more(others)}</span>}
      {over && (
        <Button look="icon" aria-label={words.dismiss} onPress={onDismiss}>
          <X size={15} aria-hidden="true" />
        </Button>
      )}
    </div>
  );
}
