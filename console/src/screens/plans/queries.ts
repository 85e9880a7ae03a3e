import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { Filter } from "../../api/queries";
import { isMoving, type PlanSearch, type PlanView } from "./types";

const MAKING_MS = 700;
const MOVING_MS = 2_000;
export const PAGE = 100;

const pace = (plan: PlanView | undefined) => {
  if (plan && !plan.ready) return MAKING_MS;
  return plan && isMoving(plan) ? MOVING_MS : false;
};

export const plans = (company: string) =>
  infiniteQueryOptions({
    queryKey: ["plans", company],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/plans", {
          params: {
            path: { company },
            query: { limit: 20, ...(pageParam !== null && { after: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

export const plan = (company: string, id: string) =>
  queryOptions({
    queryKey: ["plan", company, id],
    queryFn: () =>
      ok(api.GET("/v1/companies/{company}/plans/{plan}", { params: { path: { company, plan: id } } })),
    refetchInterval: ({ state }) => pace(state.data),
  });

/** The records of a plan, page by page; asked again when the plan has moved (`version`). */
export const planRecords = (company: string, id: string, search: PlanSearch, version: string) =>
  infiniteQueryOptions({
    queryKey: ["plan-records", company, id, search.action, search.q, version],
    queryFn: ({ pageParam, signal }) =>
      ok(
        api.GET("/v1/companies/{company}/plans/{plan}/records", {
          params: {
            path: { company, plan: id },
            query: {
              limit: PAGE,
              ...(search.action && { action: search.action }),
              ...(search.q && { q: search.q }),
              ...(pageParam !== null && { after: pageParam }),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });

const keyed = (key: string) => ({ header: { "Idempotency-Key": key } });

export const makePlan = (
  company: string,
  what: { ids: string[] } | { filter: Filter; except: string[] },
  key: string,
) => {
  const chosen =
    "ids" in what
      ? { record_ids: what.ids, except_ids: [] }
      : {
          filter: {
            status: what.filter.status.length > 0 ? [...what.filter.status] : null,
            q: what.filter.q || null,
          },
          except_ids: what.except,
        };
  return ok(
    api.POST("/v1/companies/{company}/plans", { params: { path: { company }, ...keyed(key) }, body: chosen }),
  );
};

export const exclude = (company: string, plan: string, ids: string[], excluded: boolean) =>
  ok(
    api.POST("/v1/companies/{company}/plans/{plan}/exclude", {
      params: { path: { company, plan } },
      body: { record_ids: ids, excluded },
    }),
  );

export const apply = (company: string, plan: string, to_write: number, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/plans/{plan}/apply", {
      params: { path: { company, plan }, ...keyed(key) },
      body: { to_write },
    }),
  );

export const release = (company: string, plan: string, ids: string[] | null, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/plans/{plan}/release", {
      params: { path: { company, plan }, ...keyed(key) },
      body: { record_ids: ids },
    }),
  );

export const cancel = (company: string, plan: string) =>
  ok(api.POST("/v1/companies/{company}/plans/{plan}/cancel", { params: { path: { company, plan } } }));
