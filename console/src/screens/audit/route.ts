import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";
import { type AuditSearch, DAYS, KINDS } from "./text";

export const audit = createRoute({
  getParentRoute: () => company,
  path: "/audit",
  validateSearch: (search: Record<string, unknown>): AuditSearch => ({
    what: KINDS.find(([id]) => id !== "" && id === search.what)?.[0],
    who: word(search.who)?.slice(0, 100),
    days: DAYS.find(([id]) => id !== "" && id === String(search.days))?.[0],
  }),
  component: lazyRouteComponent(() => import("./Audit"), "Audit"),
});
