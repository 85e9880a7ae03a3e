import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const notifications = createRoute({
  getParentRoute: () => company,
  path: "/notifications",
  component: lazyRouteComponent(() => import("./Notifications"), "Notifications"),
});
