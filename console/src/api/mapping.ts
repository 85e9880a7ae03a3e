/** Who is who: cases, candidates, links, and what people decide. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, ok } from "./client";
import { keyed } from "./queries";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type CaseView = Schemas["CaseView"];
export type Candidates = Schemas["Candidates"];
export type CandidateView = Schemas["CandidateView"];
export type Comparison = Schemas["Comparison"];
export type DecisionInput = Schemas["DecisionInput"];
export type DecisionsInput = Schemas["DecisionsInput"];
export type DuplicateView = Schemas["DuplicateView"];
export type ExcludedView = Schemas["ExcludedView"];
export type LinkView = Schemas["LinkView"];
export type PartView = Schemas["PartView"];
export type PersonView = Schemas["PersonView"];

const PAGE = 100;
const next = (page: { next: string | null }) => page.next;

/** The records that need a decision, by name. */
export const cases = (company: string, q: string, reason: string | null) =>
  infiniteQueryOptions({
    queryKey: ["cases", company, q, reason],
    queryFn: ({ pageParam }) => {
      const query = {
        limit: PAGE,
        ...(q && { q }),
        ...(reason && { reason: [reason] }),
        ...(pageParam !== null && { after: pageParam }),
      };
      return ok(api.GET("/v1/companies/{company}/cases", { params: { path: { company }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });

/** How many records need a decision. */
export const caseCount = (company: string) =>
  queryOptions({
    queryKey: ["cases", company],
    queryFn: async () => {
      const params = { path: { company }, query: { limit: 1 } };
      return (await ok(api.GET("/v1/companies/{company}/cases", { params }))).total;
    },
  });

export const candidates = (company: string, record: string) =>
  queryOptions({
    queryKey: ["candidates", company, record],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/records/{record}/candidates", {
          params: { path: { company, record } },
        }),
      ),
    staleTime: 0,
  });

export const comparison = (company: string, record: string, other: string) =>
  queryOptions({
    queryKey: ["comparison", company, record, other],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/records/{record}/compare/{destination_record}", {
          params: { path: { company, record, destination_record: other } },
        }),
      ),
    staleTime: 0,
  });

/** Records of the destination that match these words. */
export const directory = (company: string, q: string) =>
  queryOptions({
    queryKey: ["directory", company, q],
    queryFn: async () => {
      const params = { path: { company }, query: { q } };
      return (await ok(api.GET("/v1/companies/{company}/directory", { params }))).items;
    },
    placeholderData: keepPreviousData,
  });

export const links = (company: string, q: string) =>
  infiniteQueryOptions({
    queryKey: ["links", company, q],
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(q && { q }), ...(pageParam !== null && { after: pageParam }) };
      return ok(api.GET("/v1/companies/{company}/links", { params: { path: { company }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });

export const orphans = (company: string, q: string) =>
  infiniteQueryOptions({
    queryKey: ["orphans", company, q],
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(q && { q }), ...(pageParam !== null && { after: pageParam }) };
      return ok(api.GET("/v1/companies/{company}/orphans", { params: { path: { company }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });

export const excluded = (company: string, q: string) =>
  infiniteQueryOptions({
    queryKey: ["excluded", company, q],
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(q && { q }), ...(pageParam !== null && { after: pageParam }) };
      return ok(api.GET("/v1/companies/{company}/excluded", { params: { path: { company }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: next,
    placeholderData: keepPreviousData,
  });

/** How good the automatic links are, by what people decided since. */
export const matchReport = (company: string) =>
  queryOptions({
    queryKey: ["match-report", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/match-report", { params: { path: { company } } })),
  });

export const duplicates = (company: string) =>
  queryOptions({
    queryKey: ["duplicates", company],
    queryFn: async () => {
      const params = { path: { company } };
      return (await ok(api.GET("/v1/companies/{company}/duplicates", { params }))).items;
    },
  });

export const decide = (company: string, record: string, body: DecisionInput, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/records/{record}/decision", {
      params: { path: { company, record }, ...keyed(key) },
      body,
    }),
  );

export const decideMany = (company: string, body: DecisionsInput, key: string) =>
  ok(
    api.POST("/v1/companies/{company}/cases/decide", {
      params: { path: { company }, ...keyed(key) },
      body,
    }),
  );

/** The kinds of queries that a decision may change. */
export const MAPPING_KINDS = [
  "cases",
  "candidates",
  "comparison",
  "links",
  "orphans",
  "excluded",
  "duplicates",
  "match-report",
] as const;
