import {
  infiniteQueryOptions,
  keepPreviousData,
  QueryCache,
  QueryClient,
  queryOptions,
} from "@tanstack/react-query";
import type { Rows } from "../live";
import { ApiError, api, type ImportMode, ok, type Sort, type Status } from "./client";

export interface Filter {
  status: readonly Status[];
  q: string;
}

export const FIRST_PAGE = 200;
export const PAGE = 500;

export function makeQueryClient(onSignedOut: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof ApiError && error.kind === "unauthenticated") onSignedOut();
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        refetchOnWindowFocus: false, // the stream says what has moved
        networkMode: "always", // a page on this machine works without a network
        retry: (failures, error) => error instanceof ApiError && error.passing && failures < 3,
        retryDelay: (attempt) => Math.min(4_000, 400 * 2 ** attempt),
      },
      mutations: { networkMode: "always" },
    },
  });
}

export const me = queryOptions({ queryKey: ["me"], queryFn: () => ok(api.GET("/v1/session")) });
export const companies = queryOptions({
  queryKey: ["companies"],
  queryFn: () => ok(api.GET("/v1/companies")),
});

const wanted = (filter: Filter) => ({
  ...(filter.status.length > 0 && { status: [...filter.status] }),
  ...(filter.q && { q: filter.q }),
});

/** The list, page by page; its rows go to `rows`, which keeps them up to date. */
export const list = (company: string, rows: Rows, filter: Filter, sort: string) =>
  infiniteQueryOptions({
    queryKey: ["records", company, filter, sort],
    queryFn: async ({ pageParam, signal }) => {
      const read = rows.tick();
      const limit = pageParam === null ? FIRST_PAGE : PAGE;
      const query = { ...wanted(filter), sort, limit, ...(pageParam !== null && { after: pageParam }) };
      const page = await ok(
        api.GET("/v1/companies/{company}/records", { params: { path: { company }, query }, signal }),
      );
      rows.put(page.items, read);
      return { ids: page.items.map((row) => row.record_id), next: page.next, total: page.total };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY, // rows are kept up to date one by one; the order stays until it is asked for
    gcTime: 0,
  });

/** How many records have each status, over the search. */
export const counts = (company: string, q: string) =>
  queryOptions({
    queryKey: ["counts", company, q],
    queryFn: async () => {
      const query = { ...wanted({ status: [], q }), limit: 1 };
      const page = await ok(
        api.GET("/v1/companies/{company}/records", { params: { path: { company }, query } }),
      );
      return page.counts as Partial<Record<Status, number>>;
    },
    placeholderData: keepPreviousData,
  });

export const record = (company: string, id: string) =>
  queryOptions({
    queryKey: ["record", company, id],
    queryFn: () =>
      ok(api.GET("/v1/companies/{company}/records/{record}", { params: { path: { company, record: id } } })),
  });

export const timeline = (company: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ["timeline", company, id],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/records/{record}/timeline", {
          params: {
            path: { company, record: id },
            query: { limit: 100, ...(pageParam !== null && { after: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => (page.next === null ? null : Number(page.next)),
  });

export const json = (company: string, id: string) =>
  queryOptions({
    queryKey: ["json", company, id],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/records/{record}/json", {
          params: { path: { company, record: id } },
        }),
      ),
    staleTime: 0,
  });

export const run = (company: string, id: string) =>
  queryOptions({
    queryKey: ["run", company, id],
    queryFn: () =>
      ok(api.GET("/v1/companies/{company}/runs/{run}", { params: { path: { company, run: id } } })),
  });

export const recentRuns = (company: string) =>
  queryOptions({
    queryKey: ["runs", company],
    queryFn: () =>
      ok(api.GET("/v1/companies/{company}/runs", { params: { path: { company }, query: { limit: 5 } } })),
  });

const keyed = (key: string) => ({ header: { "Idempotency-Key": key } });

export const startImport = (company: string, mode: ImportMode, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/imports", {
      params: { path: { company }, ...keyed(key) },
      body: { mode },
    }),
  );

export const startSync = (
  company: string,
  what: { record_ids: string[] } | { selection_id: string },
  key: string,
) =>
  ok(
    api.POST("/v1/companies/{company}/syncs", {
      params: { path: { company }, ...keyed(key) },
      body: { ...what, except_ids: [] },
    }),
  );

/** Fixes on the server what is selected, with its exact count. */
export const select = (company: string, what: { ids: string[] } | { filter: Filter; except: string[] }) => {
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
  return ok(api.POST("/v1/companies/{company}/selections", { params: { path: { company } }, body: chosen }));
};

export const retry = (company: string, id: string, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/records/{record}/retry", {
      params: { path: { company, record: id }, ...keyed(key) },
    }),
  );

export const SORTS: readonly Sort[] = ["number", "name", "status", "synced_at"];
