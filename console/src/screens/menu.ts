import {
  Activity,
  Bell,
  Cable,
  CalendarClock,
  ClipboardList,
  GitCompareArrows,
  History as HistoryIcon,
  KeyRound,
  ListChecks,
  type LucideIcon,
  ScrollText,
  SlidersHorizontal,
  Users,
  UsersRound,
  Webhook,
} from "lucide-react";
import type { CompanyView } from "../api/client";
import { caseCount } from "../api/mapping";
import { text } from "../text";

type Screen =
  | "/c/$company/employees"
  | "/c/$company/mapping"
  | "/c/$company/plans"
  | "/c/$company/runs"
  | "/c/$company/operations"
  | "/c/$company/notifications"
  | "/c/$company/history"
  | "/c/$company/rules"
  | "/c/$company/schedules"
  | "/c/$company/endpoints"
  | "/c/$company/connections"
  | "/c/$company/people"
  | "/c/$company/keys"
  | "/c/$company/audit";

export interface Entry {
  to: Screen;
  label: string;
  icon: LucideIcon;
  /** How many wait there for somebody. */
  waiting?: typeof caseCount;
  /** The only role that may open it; others do not see the line. */
  only?: CompanyView["role"];
}

interface Group {
  /** Its heading; none for the first one, the daily work. */
  label?: string;
  entries: readonly Entry[];
}

/** The side menu: one line a screen, in its order. Only what exists is listed, and a group without a screen is not shown. */
export const MENU: readonly Group[] = [
  {
    entries: [
      { to: "/c/$company/employees", label: text.nav.employees, icon: Users },
      { to: "/c/$company/mapping", label: text.nav.mapping, icon: GitCompareArrows, waiting: caseCount },
      { to: "/c/$company/plans", label: text.nav.plans, icon: ClipboardList },
      { to: "/c/$company/runs", label: text.nav.runs, icon: ListChecks },
      { to: "/c/$company/history", label: text.nav.history, icon: HistoryIcon },
    ],
  },
  {
    label: text.nav.groups.operate,
    entries: [
      { to: "/c/$company/operations", label: text.nav.operations, icon: Activity },
      { to: "/c/$company/notifications", label: text.nav.notifications, icon: Bell },
    ],
  },
  {
    label: text.nav.groups.setup,
    entries: [
      { to: "/c/$company/rules", label: text.nav.rules, icon: SlidersHorizontal },
      { to: "/c/$company/schedules", label: text.nav.schedules, icon: CalendarClock },
    ],
  },
  {
    label: text.nav.groups.admin,
    entries: [
      { to: "/c/$company/connections", label: text.nav.connections, icon: Cable },
      { to: "/c/$company/people", label: text.nav.people, icon: UsersRound, only: "admin" },
      { to: "/c/$company/endpoints", label: text.nav.endpoints, icon: Webhook, only: "admin" },
      { to: "/c/$company/keys", label: text.nav.keys, icon: KeyRound, only: "admin" },
      { to: "/c/$company/audit", label: text.nav.audit, icon: ScrollText, only: "admin" },
    ],
  },
];
