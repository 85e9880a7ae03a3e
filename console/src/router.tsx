import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import type { Status } from "./api/client";
import { companies, SORTS } from "./api/queries";
import { Crash, NotHere, Root } from "./screens/Root";
import { mayBeSignedIn } from "./session";
import { STATUS } from "./text";

export interface EmployeesSearch {
  status?: Status[] | undefined;
  q?: string | undefined;
  sort?: string | undefined;
  record?: string | undefined;
  view?: "history" | "json" | undefined;
}

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  beforeLoad: ({ location, context }) => {
    if (location.pathname === "/sign-in") return;
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

const LAST = "muster.company";

/** The company that was worked in last, for the next start. */
export const rememberCompany = (id: string) => {
  try {
    localStorage.setItem(LAST, id);
  } catch {
    // Storage is switched off: the first company it is.
  }
};

const lastCompany = () => {
  try {
    return localStorage.getItem(LAST);
  } catch {
    return null;
  }
};

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async ({ context }) => {
    const known = await context.queryClient.ensureQueryData(companies);
    const last = lastCompany();
    const company = known.find((one) => one.company_id === last) ?? known[0];
    if (!company) throw redirect({ to: "/portfolio" });
    throw redirect({ to: "/c/$company/employees", params: { company: company.company_id }, replace: true });
  },
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { next?: string | undefined } => ({
    next: typeof search.next === "string" && /^\/(?!\/)/.test(search.next) ? search.next : undefined,
  }),
  component: lazyRouteComponent(() => import("./screens/SignIn"), "SignIn"),
});

const portfolio = createRoute({
  getParentRoute: () => root,
  path: "/portfolio",
  component: lazyRouteComponent(() => import("./screens/Portfolio"), "Portfolio"),
});

const company = createRoute({
  getParentRoute: () => root,
  path: "/c/$company",
  component: lazyRouteComponent(() => import("./screens/CompanyFrame"), "CompanyFrame"),
});

const companyHome = createRoute({
  getParentRoute: () => company,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/c/$company/employees", params, replace: true });
  },
});

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

const employees = createRoute({
  getParentRoute: () => company,
  path: "/employees",
  validateSearch: (search: Record<string, unknown>): EmployeesSearch => {
    const asked = text(search.status)?.split(",") ?? (Array.isArray(search.status) ? search.status : []);
    const status = asked.filter((one): one is Status => one in STATUS);
    const sort = text(search.sort);
    return {
      status: status.length > 0 ? status : undefined,
      q: text(search.q)?.slice(0, 200),
      sort: SORTS.some((one) => sort === one || sort === `-${one}`) ? sort : undefined,
      record: text(search.record),
      view: search.view === "history" || search.view === "json" ? search.view : undefined,
    };
  },
  component: lazyRouteComponent(() => import("./screens/employees/Employees"), "Employees"),
});

export const makeRouter = (queryClient: QueryClient) =>
  createRouter({
    routeTree: root.addChildren([home, signIn, portfolio, company.addChildren([companyHome, employees])]),
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
