import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";
import { ACTIONS, type PlanAction, type PlanSearch } from "./types";

export const plans = createRoute({
  getParentRoute: () => company,
  path: "/plans",
  component: lazyRouteComponent(() => import("./Plans"), "Plans"),
});

export const plan = createRoute({
  getParentRoute: () => company,
  path: "/plans/$plan",
  validateSearch: (search: Record<string, unknown>): PlanSearch => ({
    action: ACTIONS.find((one): one is PlanAction => one === search.action),
    q: word(search.q)?.slice(0, 200),
    record: word(search.record),
  }),
  component: lazyRouteComponent(() => import("./Plan"), "Plan"),
});
