import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company } from "../../routes";

export const endpoints = createRoute({
  getParentRoute: () => company,
  path: "/endpoints",
  component: lazyRouteComponent(() => import("./Endpoints"), "Endpoints"),
});
