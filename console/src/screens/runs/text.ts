import type { RunView } from "../../api/client";
import { n } from "../../text";

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

export type Tone = "synced" | "failed" | "needs_action" | "held" | "syncing";

/** One part of a result: how many, in words, and whether it needs somebody. */
export interface Part {
  id: string;
  words: string;
  count: number;
  tone?: Tone;
}

/** What the Runs screen says. */
export const words = {
  title: "Runs",
  lead: "Imports and syncs. A run goes on when you reload, sign out or close the window.",
  list: "Runs",
  detail: "The chosen run",
  columns: { run: "Run", who: "Who", result: "Result", started: "Started", took: "Took" },
  kinds: { all: "All", import: "Imports", sync: "Syncs" },
  kindsLabel: "Kind of run",
  problems: "With failures",
  name: (run: Pick<RunView, "kind" | "mode">) =>
    run.kind === "sync"
      ? "Sync"
      : run.mode === "new"
        ? "Import new"
        : run.mode === "selected"
          ? "Import selected"
          : "Import all",
  long: (run: Pick<RunView, "kind" | "mode">, source: string, destination: string) =>
    run.kind === "sync"
      ? `Sync to ${destination}`
      : run.mode === "new"
        ? `Import of new items from ${source}`
        : run.mode === "selected"
          ? `Import of selected items from ${source}`
          : `Import of all items from ${source}`,
  running: (title: string) => `${title} is running`,
  none: "No runs yet",
  noneFix: "An import or a sync shows up here and stays.",
  noMatch: "No run matches",
  noMatchFix: "Try another kind, person or time.",
  clear: "Clear the filters",
  older: "Older",
  choose: "Choose a run to see what became of it.",
  back: "All runs",
  copy: "Copy link",
  copied: "The link is copied.",
  cancel: { import: "Cancel the import", sync: "Cancel what is not sent" },
  cancelled: "Nothing more is done for this run.",
  queued: "waiting to begin",
  reading: (read: number, total: number) =>
    total > 0 ? `${n(read)} of ${n(total)} read` : `${n(read)} read so far`,
  toGo: (count: number) => `${n(count)} to go`,
  left: (seconds: number) =>
    seconds < 90
      ? `about ${Math.max(5, Math.round(seconds / 5) * 5)} s left`
      : `about ${Math.round(seconds / 60)} min left`,
  took: "Took",
  since: "Running for",
  about: "Selection",
  selected: (total: number) => `${n(total)} chosen`,
  whole: "Everything",
  onlyNew: "What is not staged yet",
  why: "Why they did not go through",
  retry: (count: number) => `Retry these ${n(count)}`,
  decide: (count: number) => `Decide ${n(count)}`,
  records: "Records",
  show: "Show in Employees",
  attempts: (count: number) => (count === 1 ? "1 attempt" : `${n(count)} attempts`),
  outcome: {
    succeeded: "Synced",
    failed: "Failed",
    needs_action: "Needs Action",
    held: "Held",
    unreadable: "Not readable",
  } as Record<string, string>,
  moreRecords: "More records",
  noName: "No name",
  duration: (milliseconds: number) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1_000));
    if (seconds < 1) return "under 1 s";
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    return minutes < 60
      ? `${minutes} min ${seconds % 60} s`
      : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  },
} as const;

/** What became of a run's records, as parts that add up; skips apart. */
export function partsOf(run: RunView, reasons: readonly { outcome: string; count: number }[] = []): Part[] {
  const c = run.counts;
  const of = (id: string, count: number | undefined, label: string, tone?: Tone): Part[] =>
    count ? [{ id, count, words: `${n(count)} ${label}`, ...(tone && { tone }) }] : [];
  if (run.kind === "import")
    return [
      ...of("staged", c.staged, "new", "synced"),
      ...of("changed", c.changed, "changed", "synced"),
      ...of("unchanged", c.unchanged, "unchanged", "held"),
      ...of("unreadable", c.unreadable, "not readable", "needs_action"),
      ...of("removed", c.removed, "gone", "held"),
    ];
  const told = (outcome: string) =>
    reasons.filter((one) => one.outcome === outcome).reduce((total, one) => total + one.count, 0);
  const [needs, held] = [told("needs_action"), told("held")];
  const skipped = sum(run.skipped);
  return [
    { id: "succeeded", count: c.succeeded ?? 0, words: `${n(c.succeeded ?? 0)} synced`, tone: "synced" },
    ...of("failed", Math.max(0, (c.failed ?? 0) - needs - held), "failed", "failed"),
    ...of("retrying", c.retrying, "to be tried again", "syncing"),
    ...of("needs_action", needs, "need action", "needs_action"),
    ...of("held", held, "held", "held"),
    ...of("skipped", skipped, "skipped", "held"),
  ];
}

/** How a run's result is to be taken: nothing synced of what was asked for is no success. */
export function toneOf(run: RunView): Tone {
  if (run.state === "failed") return "failed";
  if (run.state === "cancelled") return "held";
  if (run.state !== "completed") return "syncing";
  if ((run.counts.failed ?? 0) + (run.counts.retrying ?? 0) > 0) return "failed";
  if ((run.counts.unreadable ?? 0) > 0 || run.reason) return "needs_action";
  if (run.kind === "sync" && (run.counts.succeeded ?? 0) === 0) return "needs_action";
  return "synced";
}

export const isOver = (run: RunView) => !["queued", "running"].includes(run.state);
