/** The routes that all screens hang on. A screen has its own in `screens/<name>/route.ts`, listed in `router.tsx`. */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { companies } from "./api/queries";
import { Crash, NotHere, Root } from "./screens/Root";
import { mayBeSignedIn } from "./session";

/** Links that one without a session may follow. */
const OPEN = /^\/(join|reset)\//;

export const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  beforeLoad: ({ location, context }) => {
    if (location.pathname === "/sign-in" || OPEN.test(location.pathname)) return;
    if (mayBeSignedIn()) {
      void context.queryClient.prefetchQuery(companies); // while the screen's own code is on its way
      return;
    }
    throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { next: location.href } });
  },
  component: Root,
  notFoundComponent: NotHere,
  errorComponent: Crash,
});

/** A company's screens: `/c/{company}/{screen}`, inside its frame. */
export const company = createRoute({
  getParentRoute: () => root,
  path: "/c/$company",
  component: lazyRouteComponent(() => import("./screens/CompanyFrame"), "CompanyFrame"),
});

/** A word of the address; none when it is empty or something else. */
export const word = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
