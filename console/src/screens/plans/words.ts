/** The text of the plan screens. */
import { n, text } from "../../text";
import type { PlanAction, PlanView } from "./types";

const people = (count: number) => (count === 1 ? "1 employee" : `${n(count)} employees`);

export const ACTION: Record<PlanAction, string> = {
  blocked: "Blocked",
  deactivate: "Deactivate",
  create: "Create",
  reactivate: "Reactivate",
  update: "Update",
  no_change: "Nothing to do",
};

const STATE: Record<PlanView["state"], string> = {
  draft: "Draft",
  held: "Held",
  approved: "Approved",
  applying: "Being written",
  done: "Written",
  cancelled: "Cancelled",
  expired: "Expired",
};

const TONE: Record<PlanView["state"], string> = {
  draft: "needs_sync",
  held: "held",
  approved: "syncing",
  applying: "syncing",
  done: "synced",
  cancelled: "held",
  expired: "held",
};

/** The state in a word, and its tone: what is done may have failed, for some or for all. */
export function stateOf({ state, outcomes }: Pick<PlanView, "state" | "outcomes">): [string, string] {
  if (state !== "done" || !outcomes?.failed) return [STATE[state], TONE[state]];
  return [outcomes.succeeded ? words.inPart : words.notAtAll, "failed"];
}

export const OUTCOME: Record<string, string> = {
  waiting: "Waits for its turn",
  succeeded: "Written",
  failed: "Failed",
  held: "Held",
  skipped: "Left as it is",
  cancelled: "Cancelled",
  needs_action: "Needs Action",
};

const SKIPPED: Record<string, string> = {
  synced: "written meanwhile",
  already_running: "already being synced",
  held: "in Held",
  unknown: "no longer there",
  disconnected: "destination not connected",
  needs_action: "in Needs Action",
};

const period = (seconds: number) => {
  if (seconds < 5) return "a few seconds";
  if (seconds < 90) return `about ${Math.round(seconds)} seconds`;
  return `about ${Math.round(seconds / 60)} minutes`;
};

export const words = {
  list: "Plans",
  listLead: "What was and will be written to the destination, with who approved it.",
  none: "No plans yet",
  noneFix: "Select employees and press Sync to Destination: what would be written shows up here first.",
  older: "Show older plans",
  open: "Plan",
  title: (destination: string, count: number) => `Sync ${people(count)} to ${destination}`,
  rules: (destination: string, when: string) => `Synced to ${destination} by the rules, ${when}`,
  by: "by",
  byRules: "by the rules",
  until: (time: string) => `valid until ${time}`,
  made: (time: string) => `made ${time}`,
  copy: "Copy link",
  copied: "The link is copied. A colleague who opens it can approve the plan.",
  making: (count: number, total: number) => `The plan is being made: ${n(count)} of ${n(total)}`,
  filter: "Show one action",
  all: "All",
  cost: (calls: number, seconds: number) =>
    calls === 0 ? "No API calls" : `${n(calls)} API ${calls === 1 ? "call" : "calls"}, ${period(seconds)}`,
  search: "Search name, number or e-mail",
  records: "Records of this plan",
  include: (name: string) => `Write ${name}`,
  details: (name: string) => `Details of ${name}`,
  more: (count: number) => `+${n(count)} more`,
  showMore: "Show more",
  empty: "empty",
  cleared: "cleared",
  takenOut: "Taken out",
  hidden: "hidden for your role",
  hiddenMore: (count: number) => `${n(count)} ${count === 1 ? "field" : "fields"} hidden for your role`,
  none_here: "No records match.",
  active: (value: boolean) => (value ? "Active" : "Inactive"),
  unchanged: (count: number) =>
    `${n(count)} ${count === 1 ? "field stays" : "fields stay"} as ${count === 1 ? "it is" : "they are"}`,
  field: text.history.field,
  sourceRead: (system: string, when: string) => `${system} read ${when}`,
  takeOut: "Take out",
  putBack: "Put back",
  history: "Change History",
  movedTitle: "It changed after the plan was made. Now it would be:",
  heldMoved: "Changed since the plan was made",
  skipped: (reason: string) => SKIPPED[reason] ?? reason.replaceAll("_", " "),
  nothing: "Everything is already the same. There is nothing to write.",
  nothingLeft: "Everything that could be written is blocked or was taken out.",
  notWritten: "Nothing has been written.",
  back: "Back to Employees",
  approve: "Approve and write",
  release: "Release and write",
  releaseSome: "Release",
  cancel: "Cancel the plan",
  cancelSure: "Cancel the plan?",
  cancelMeans: "Nothing of it is written. To make it again, select the employees again.",
  stop: "Stop what has not been sent",
  stopSure: "Stop what has not been sent?",
  stopMeans: "What has been sent stays written. The rest keeps its status and can be synced later.",
  held: "This plan is held: it exceeds the company's safety limits.",
  heldFix:
    "Look at what it would write. Release it if it is right; take out the rows that are not, or cancel it.",
  heldRulesFix:
    "Nothing more of it is written until somebody releases it. Tick single records to release only those.",
  sample: "Among them",
  expired: "This plan has expired. Nothing was written.",
  cancelled: "This plan was cancelled.",
  makeNew: "Select the employees again to make a new one.",
  decidedBy: "approved by",
  approved: "The plan is being written.",
  released: "Released. It is being written.",
  stopped: "The plan is cancelled.",
  inPart: "Written in part",
  notAtAll: "Not written",
  seeFailed: "See who failed and why",
  progress: (outcomes: Record<string, number>) =>
    Object.entries(outcomes)
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => `${n(count)} ${(OUTCOME[outcome] ?? outcome).toLowerCase()}`)
      .join(" · "),
} as const;
