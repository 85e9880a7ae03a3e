import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { company, word } from "../../routes";

export const connections = createRoute({
  getParentRoute: () => company,
  path: "/connections",
  validateSearch: (search: Record<string, unknown>): { connected?: string | undefined } => ({
    connected: word(search.connected)?.slice(0, 40),
  }),
  component: lazyRouteComponent(() => import("./Connections"), "Connections"),
});
