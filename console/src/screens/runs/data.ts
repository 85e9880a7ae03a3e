import { infiniteQueryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import { sinceOf } from "../../format";
import type { RunsSearch } from "./search";

type Schemas = components["schemas"];
export type RunDetail = Schemas["RunDetail"];
export type RunReason = Schemas["RunReason"];
export type RunRecord = Schemas["RunRecordView"];
const PAGE = 50;
const MOST_SELECTED = 10_000;

export const runList = (company: string, filter: RunsSearch) => {
  const { kind, who, days, problems } = filter;
  const asked = {
    limit: PAGE,
    ...(kind && { kind }),
    ...(who !== undefined && { actor: who === "muster" ? "" : who }),
    ...(days && { since: sinceOf(days) }),
    ...(problems && { result: "problems" as const }),
  };
  return infiniteQueryOptions({
    queryKey: ["runs", company, "list", asked],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/runs", {
          params: { path: { company }, query: { ...asked, ...(pageParam !== null && { after: pageParam }) } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
};

export const runRecords = (company: string, run: string) =>
  infiniteQueryOptions({
    queryKey: ["run", company, run, "records"],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/runs/{run}/records", {
          params: {
            path: { company, run },
            query: { limit: 100, ...(pageParam !== null && { after: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

/** The records of a run that ended for one reason, at most as many as one sync takes. */
export const recordsWith = async (company: string, run: string, reason: RunReason): Promise<string[]> => {
  const asked = { limit: 500, reason: reason.reason, outcome: reason.outcome as "failed" };
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const query = { ...asked, ...(after !== null && { after }) };
    const page: components["schemas"]["RunRecordPage"] = await ok(
      api.GET("/v1/companies/{company}/runs/{run}/records", { params: { path: { company, run }, query } }),
    );
    ids.push(...page.items.map((one) => one.record_id));
    after = page.next;
  } while (after !== null && ids.length < MOST_SELECTED);
  return ids.slice(0, MOST_SELECTED);
};

export const cancelImport = (company: string, run: string) =>
  ok(api.POST("/v1/companies/{company}/runs/{run}/cancel", { params: { path: { company, run } } }));
