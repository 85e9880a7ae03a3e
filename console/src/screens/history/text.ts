import { n, STATUS, text } from "../../text";
import type { HistoryEntry, Kind } from "./data";

/** What the change history says. */
export const words = {
  title: "History",
  lead: "What happened to the company's records, rules and plans",
  list: "Change history, newest first",
  kindLabel: "What to show",
  kinds: {
    all: "Everything",
    fields: "Field changes",
    sync: "Syncs",
    matching: "Matching",
    rules: "Rules",
    plan: "Plans",
  } satisfies Partial<Record<Kind | "all", string>>,
  field: "Field",
  anyField: "Any field",
  none: "Nothing has happened yet.",
  noneOfThese: "Nothing matches these filters.",
  clear: "Clear filters",
  older: "Show older entries",
  lookFurther: "Look further back",
  csv: "CSV",
  json: "JSON",
  exported: (count: number, all: boolean) =>
    all
      ? `${n(count)} entries exported`
      : `The newest ${n(count)} entries exported; narrow the filters for older ones`,
  attempts: (count: number) => (count === 1 ? "1 attempt" : `${n(count)} attempts`),
  fields: (count: number) => (count === 1 ? "1 field" : `${n(count)} fields`),
  retryAt: (when: string) => `tried again at ${when}`,
  run: "Run",
  byRule: "by rule: automatic sync",
  status: (entry: HistoryEntry) => (entry.status ? STATUS[entry.status] : ""),
  decisions: {
    link: "Linked by hand",
    unlink: "Unlinked",
    create: "New record requested",
    refuse: "Not the same person",
    exclude: "Excluded from syncing",
    include: "Included again",
    postpone: "Left for later",
    undo: "The last decision was taken back",
  } as Record<string, string>,
  plans: {
    "plan.created": "Plan made",
    "plan.amended": "Records taken out of a plan, or put back",
    "plan.held": "Plan held by a safety limit",
    "plan.approved": "Plan approved",
    "plan.released": "Held plan released",
    "plan.cancelled": "Plan cancelled",
    "plan.expired": "Plan expired",
  } as Record<string, string>,
  records: (count: number) => (count === 1 ? "1 record" : `${n(count)} records`),
  rules: (version: unknown) => `Settings changed${version ? `, version ${version}` : ""}`,
  attempt: {
    "push.planned": "Planned",
    "push.succeeded": "Written",
    "push.adopted": "Taken over into the source",
    "push.failed": "Failed",
    "push.held": "Held",
  } as Record<string, string>,
  unchanged: "Nothing differed, so nothing was written",
  columns: [
    "Time",
    "Person",
    "What",
    "Field",
    "Before",
    "After",
    "By",
    "Why",
    "Status",
    "Code",
    "Trace id",
    "Run",
  ],
};

/** An entry in a few words. */
export function titleOf(entry: HistoryEntry, side: string): string {
  const { type, detail } = entry;
  if (entry.kind === "rules") return words.rules(detail?.version);
  if (entry.kind === "plan") return words.plans[type] ?? type;
  if (entry.kind === "status" && entry.status) return text.history.status(entry.status);
  if (type === "decision.made")
    return words.decisions[String(detail?.decision)] ?? text.history.event(type, side);
  return text.history.event(type, side);
}
