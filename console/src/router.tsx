import type { QueryClient } from "@tanstack/react-query";
import { createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { companies, me } from "./api/queries";
import { company, root } from "./routes";
import { audit } from "./screens/audit/route";
import { connections } from "./screens/connections/route";
import { employees } from "./screens/employees/route";
import { endpoints } from "./screens/endpoints/route";
import { history } from "./screens/history/route";
import { keys } from "./screens/keys/route";
import { mapping } from "./screens/mapping/route";
import { notifications } from "./screens/notifications/route";
import { operations } from "./screens/operations/route";
import { people } from "./screens/people/route";
import { plan, plans } from "./screens/plans/route";
import { rules } from "./screens/rules/route";
import { runs } from "./screens/runs/route";
import { schedules } from "./screens/schedules/route";
import { lastCompany } from "./session";

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async ({ context }) => {
    const known = await context.queryClient.ensureQueryData(companies);
    const last = lastCompany();
    const company = known.find((one) => one.company_id === last) ?? known[0];
    if (!company) {
      const { installation } = await context.queryClient.ensureQueryData(me);
      throw redirect({ to: installation === "operator" ? "/installation" : "/portfolio" });
    }
    throw redirect({ to: "/c/$company/employees", params: { company: company.company_id }, replace: true });
  },
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string; problem?: string } => ({
    ...(typeof search.next === "string" && /^\/(?!\/)/.test(search.next) && { next: search.next }),
    ...(typeof search.problem === "string" && { problem: search.problem }),
  }),
  component: lazyRouteComponent(() => import("./screens/SignIn"), "SignIn"),
});

const portfolio = createRoute({
  getParentRoute: () => root,
  path: "/portfolio",
  component: lazyRouteComponent(() => import("./screens/Portfolio"), "Portfolio"),
});

const account = createRoute({
  getParentRoute: () => root,
  path: "/account",
  component: lazyRouteComponent(() => import("./screens/account/Account"), "Account"),
});

const installation = createRoute({
  getParentRoute: () => root,
  path: "/installation",
  component: lazyRouteComponent(() => import("./screens/operations/AllCompanies"), "AllCompanies"),
});

const secondFactor = createRoute({
  getParentRoute: () => root,
  path: "/account/second-factor",
  component: lazyRouteComponent(() => import("./screens/secondfactor/SecondFactor"), "SecondFactor"),
});

const join = createRoute({
  getParentRoute: () => root,
  path: "/join/$token",
  component: lazyRouteComponent(() => import("./screens/links/Join"), "Join"),
});

const reset = createRoute({
  getParentRoute: () => root,
  path: "/reset/$token",
  component: lazyRouteComponent(() => import("./screens/links/Reset"), "Reset"),
});

const companyHome = createRoute({
  getParentRoute: () => company,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/c/$company/employees", params, replace: true });
  },
});

/** The screens of a company; one line each, and one in `screens/menu.ts`. */
const screens = [
  companyHome,
  employees,
  mapping,
  plans,
  plan,
  runs,
  history,
  operations,
  notifications,
  rules,
  schedules,
  connections,
  people,
  endpoints,
  keys,
  audit,
] as const;

export const makeRouter = (queryClient: QueryClient) =>
  createRouter({
    routeTree: root.addChildren([
      home,
      signIn,
      secondFactor,
      join,
      reset,
      portfolio,
      account,
      installation,
      company.addChildren(screens),
    ]),
    context: { queryClient },
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const words = Object.entries(search)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : String(value)]);
      return words.length > 0 ? `?${new URLSearchParams(words).toString().replaceAll("%2C", ",")}` : "";
    },
    defaultPendingMs: 300,
  });

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
