import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const people = createRoute({
  getParentRoute: () => company,
  path: "/people",
  component: lazyRouteComponent(() => import("./People"), "People"),
});
