import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const rules = createRoute({
  getParentRoute: () => company,
  path: "/rules",
  component: lazyRouteComponent(() => import("./Rules"), "Rules"),
});
