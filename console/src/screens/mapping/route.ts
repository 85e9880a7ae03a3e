import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";
import { type MappingSearch, TABS } from "./search";

export const mapping = createRoute({
  getParentRoute: () => company,
  path: "/mapping",
  validateSearch: (search: Record<string, unknown>): MappingSearch => ({
    tab: TABS.find((one) => one === search.tab),
    q: word(search.q)?.slice(0, 200),
    reason: word(search.reason),
    record: word(search.record),
  }),
  component: lazyRouteComponent(() => import("./Mapping"), "Mapping"),
});
