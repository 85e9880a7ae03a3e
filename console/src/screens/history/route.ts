import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";
import { type HistoryFilter, KINDS } from "./data";

const one = <T extends string>(value: unknown, of: readonly T[]): T | undefined =>
  of.find((known) => known === String(value));

export const history = createRoute({
  getParentRoute: () => company,
  path: "/history",
  validateSearch: (search: Record<string, unknown>): HistoryFilter => ({
    kind: one(search.kind, KINDS),
    field: word(search.field)?.slice(0, 100),
    who: word(search.who)?.slice(0, 200),
    days: one(search.days, ["1", "7", "30"]),
  }),
  component: lazyRouteComponent(() => import("./History"), "History"),
});
