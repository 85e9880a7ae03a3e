import {
  infiniteQueryOptions,
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
} from "@tanstack/react-query";
import type { Rows } from "../live";
import {
  ApiError,
  api,
  type DriftDecision,
  type ImportMode,
  ok,
  type RecordPage,
  type RecordView,
  type Sort,
  type Status,
} from "./client";

export interface Filter {
  status: readonly Status[];
  q: string;
}

export const FIRST_PAGE = 200;
export const PAGE = 500;

export function makeQueryClient(onSignedOut: () => void, onMustEnrol: () => void): QueryClient {
  const onError = (error: Error) => {
    if (!(error instanceof ApiError)) return;
    if (error.kind === "unauthenticated") onSignedOut();
    if (error.more.must_enrol) onMustEnrol();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
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
/** Who may see a company, and its API keys: the names behind actors; with the addresses of its administrators. */
export const people = (company: string) =>
  queryOptions({
    queryKey: ["people", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/people", { params: { path: { company } } })),
    staleTime: 300_000,
  });

export const companies = queryOptions({
  queryKey: ["companies"],
  queryFn: () => ok(api.GET("/v1/companies")),
});

export const wanted = (filter: Filter) => ({
  ...(filter.status.length > 0 && { status: [...filter.status] }),
  ...(filter.q && { q: filter.q }),
});

/** The first pages that are asked for in this very moment, by what they search; each holds the counts over its search too. */
const beginning = new Map<string, Promise<RecordPage>>();

function begin(search: string, page: Promise<RecordPage>): Promise<RecordPage> {
  beginning.set(search, page);
  queueMicrotask(() => queueMicrotask(() => beginning.delete(search)));
  return page;
}

/** The list: its first rows, which go to `rows`, then ids alone, many at a time; `rows` reads those that are shown. */
export const list = (company: string, rows: Rows, filter: Filter, sort: string) =>
  infiniteQueryOptions({
    queryKey: ["records", company, filter, sort],
    queryFn: async ({ pageParam, signal }) => {
      const read = rows.tick();
      const params = { path: { company }, query: { ...wanted(filter), sort } };
      if (pageParam !== null) {
        const query = { ...params.query, after: pageParam };
        return {
          total: 0,
          ...(await ok(
            api.GET("/v1/companies/{company}/record-ids", { params: { ...params, query }, signal }),
          )),
        };
      }
      const query = { ...params.query, limit: FIRST_PAGE };
      const asked = ok(api.GET("/v1/companies/{company}/records", { params: { ...params, query }, signal }));
      const page = await begin(`${company} ${filter.q}`, asked);
      rows.put(page.items, read);
      return { ids: page.items.map((row) => row.record_id), next: page.next, total: page.total };
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY, // rows are kept up to date one by one; the order stays until it is asked for
    gcTime: 0,
  });

/** The ids that are known of a list, in its order, and how many rows it has. */
export function listed(pages: readonly { ids: string[]; next: string | null; total: number }[] | undefined) {
  const ids = [...new Set(pages?.flatMap((page) => page.ids) ?? [])];
  const isWhole = pages?.at(-1)?.next === null;
  return { ids, total: isWhole ? ids.length : Math.max(ids.length, pages?.[0]?.total ?? 0) };
}

export interface Counted {
  counts: Partial<Record<Status, number>>;
  /** Whether there are more: a search that finds very many is not counted to its end. */
  atLeast: boolean;
}

/** How many records have each status, over the search; a list that is asked for at the same moment brings them along. */
export const counts = (company: string, q: string) =>
  queryOptions({
    queryKey: ["counts", company, q],
    queryFn: async ({ signal }) => {
      const query = { ...wanted({ status: [], q }), limit: 1 };
      const ask = () =>
        ok(api.GET("/v1/companies/{company}/records", { params: { path: { company }, query }, signal }));
      await null; // the list's own request may begin right after this one
      const page = await (beginning.get(`${company} ${q}`)?.catch(ask) ?? ask());
      return { counts: page.counts, atLeast: page.at_least } as Counted;
    },
    placeholderData: keepPreviousData,
  });

export const record = (company: string, id: string) =>
  queryOptions({
    queryKey: ["record", company, id],
    queryFn: () =>
      ok(api.GET("/v1/companies/{company}/records/{record}", { params: { path: { company, record: id } } })),
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

export const keyed = (key: string) => ({ header: { "Idempotency-Key": key } });

export const startImport = (company: string, mode: ImportMode, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/imports", {
      params: { path: { company }, ...keyed(key) },
      body: { mode },
    }),
  );

export const startSync = (company: string, what: { record_ids: string[] }, key: string) =>
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

/** How many match the filter and are not among these; the server counts, because most of them were never loaded here. */
export const unselected = (company: string, filter: Filter, ids: string[]) =>
  queryOptions({
    queryKey: ["unselected", company, filter, ids],
    queryFn: async () => (await select(company, { filter, except: ids })).count,
    placeholderData: keepPreviousData,
  });

export const retry = (company: string, id: string, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/records/{record}/retry", {
      params: { path: { company, record: id }, ...keyed(key) },
    }),
  );

/** How soon changes of either system are seen. */
export const freshness = (company: string) =>
  queryOptions({
    queryKey: ["freshness", company],
    queryFn: ({ signal }) =>
      ok(api.GET("/v1/companies/{company}/freshness", { params: { path: { company } }, signal })),
    refetchInterval: 60_000,
  });

/** What was changed at the destination of this record, as it stands now. */
export const drift = (company: string, row: RecordView) =>
  queryOptions({
    queryKey: ["drift", company, row.record_id, row],
    queryFn: ({ signal }) =>
      ok(
        api.GET("/v1/companies/{company}/records/{record}/drift", {
          params: { path: { company, record: row.record_id } },
          signal,
        }),
      ),
  });

export const decideDrift = (company: string, id: string, body: DriftDecision, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/records/{record}/drift", {
      params: { path: { company, record: id }, ...keyed(key) },
      body,
    }),
  );

export const SORTS: readonly Sort[] = ["number", "name", "status", "synced_at"];
