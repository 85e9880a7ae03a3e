import type { operations } from "../../api/schema";

export type Action = NonNullable<
  NonNullable<operations["company_audit"]["parameters"]["query"]>["action"]
>[number];

export interface AuditSearch {
  what?: (typeof KINDS)[number][0] | undefined;
  who?: string | undefined;
  days?: (typeof DAYS)[number][0] | undefined;
}

export const ACTIONS: Record<Action, string> = {
  "session.started": "Signed in",
  "session.ended": "Signed out",
  "session.refused": "Sign-in refused",
  "key.refused": "API key refused",
  "key.created": "API key made",
  "key.deleted": "API key revoked",
  "role.changed": "Role changed",
  "member.invited": "Invited",
  "member.joined": "Joined",
  "member.removed": "Left or removed",
  "invitation.deleted": "Invitation taken back",
  "password.changed": "Password changed",
  "password.reset": "Password reset",
  "account.linked": "Account joined to single sign-on",
  "second_factor.added": "Second factor added",
  "second_factor.removed": "Second factor removed",
  "endpoint.created": "Event endpoint added",
  "endpoint.changed": "Event endpoint changed",
  "endpoint.deleted": "Event endpoint removed",
  "endpoint.disabled": "Event endpoint disabled",
  "schedule.changed": "Schedule made or changed",
  "schedule.deleted": "Schedule removed",
  "channel.created": "Notification channel added",
  "channel.changed": "Notification channel changed",
  "channel.deleted": "Notification channel removed",
  "webhook.secret": "Webhook secret made",
  "connection.made": "Connected",
  "connection.paused": "Connection paused",
  "connection.resumed": "Connection resumed",
  "connection.ended": "Disconnected",
  "directory.confirmed": "Confirmed as gone",
  "company.created": "Company created",
  "company.renamed": "Company renamed",
  "rules.changed": "Rules changed",
  "plan.approved": "Plan approved",
  "plan.released": "Plan released",
  "plan.cancelled": "Plan cancelled",
  "dead_letter.replayed": "Dead letter replayed",
  "dead_letter.discarded": "Dead letter discarded",
};

/** What the filter offers, each with the beginnings of its actions. */
export const KINDS = [
  ["", "Everything", []],
  ["access", "Sign-ins", ["session.", "password.", "account.", "second_factor."]],
  ["people", "People and roles", ["role.", "member.", "invitation."]],
  ["keys", "API keys", ["key."]],
  ["connections", "Connections", ["connection.", "directory.", "webhook.", "endpoint.", "channel."]],
  ["rules", "Company and rules", ["company.", "rules.", "schedule."]],
  ["plans", "Plans and dead letters", ["plan.", "dead_letter."]],
] as const satisfies readonly (readonly [string, string, readonly string[]])[];

export const DAYS = [
  ["", "Any time"],
  ["1", "Today"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
] as const;

/** The actions of one kind; none for everything. */
export const actionsOf = (what: string | undefined): Action[] => {
  const marks: readonly string[] = KINDS.find(([id]) => id === (what ?? ""))?.[2] ?? [];
  return (Object.keys(ACTIONS) as Action[]).filter((action) => marks.some((mark) => action.startsWith(mark)));
};

export const words = {
  title: "Audit log",
  lead: "Who came in, who could not, and what was done to people, keys, connections and rules. Nothing here is ever changed or removed.",
  what: "What",
  who: "Who",
  anybody: "Anybody",
  when: "When",
  about: "About",
  from: "From",
  export: "Export",
  csv: "CSV, for a spreadsheet",
  json: "JSON, one entry a line",
  none: "Nothing matches",
  noneFix: "Choose a longer time, or other people.",
  clear: "Clear the filters",
  older: "Show older entries",
  unknown: "Nobody known",
  installation: "The installation",
  kinds: {
    account: "a connection",
    invitation: "an invitation",
    endpoint: "an endpoint",
    plan: "plan",
    version: "version",
    company: "the company",
  } as Record<string, string>,
};
