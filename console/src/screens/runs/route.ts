import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";
import type { RunsSearch } from "./search";

const one = <T extends string>(value: unknown, of: readonly T[]): T | undefined =>
  of.find((known) => known === String(value));

export const runs = createRoute({
  getParentRoute: () => company,
  path: "/runs",
  validateSearch: (search: Record<string, unknown>): RunsSearch => ({
    kind: one(search.kind, ["import", "sync"]),
    who: word(search.who)?.slice(0, 100),
    days: one(search.days, ["1", "7", "30"]),
    problems: one(search.problems, ["1"]),
    run: word(search.run)?.slice(0, 40),
  }),
  component: lazyRouteComponent(() => import("./Runs"), "Runs"),
});
