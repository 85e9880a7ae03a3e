import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const schedules = createRoute({
  getParentRoute: () => company,
  path: "/schedules",
  component: lazyRouteComponent(() => import("./Schedules"), "Schedules"),
});
