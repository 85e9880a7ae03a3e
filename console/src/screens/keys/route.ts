import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const keys = createRoute({
  getParentRoute: () => company,
  path: "/keys",
  component: lazyRouteComponent(() => import("./Keys"), "Keys"),
});
