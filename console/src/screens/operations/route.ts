import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";
import { isSpan, type OperationsSearch } from "./search";

export const operations = createRoute({
  getParentRoute: () => company,
  path: "/operations",
  validateSearch: (search: Record<string, unknown>): OperationsSearch => ({
    span: isSpan(search.span) ? search.span : undefined,
    letter: typeof search.letter === "string" && search.letter !== "" ? search.letter : undefined,
  }),
  component: lazyRouteComponent(() => import("./Operations"), "Operations"),
});
