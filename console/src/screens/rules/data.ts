import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, type CompanyView, ok } from "../../api/client";
import type { components } from "../../api/schema";

type Schemas = components["schemas"];
export type RulesView = Schemas["RulesView"];
export type Entry = Schemas["FieldMapping"];
export type FieldOption = Schemas["FieldOption"];
export type Trial = Schemas["Trial"];

/** What is being edited: the route's ends and all of its rules. */
export interface Draft {
  source: string;
  destination: string;
  active: boolean;
  rules: RulesView["rules"];
}

export const rulesOf = (company: string) =>
  queryOptions({
    queryKey: ["rules", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/rules", { params: { path: { company } } })),
  });

export const versionsOf = (company: string) =>
  infiniteQueryOptions({
    queryKey: ["rules", company, "versions"],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/rules/versions", {
          params: { path: { company }, query: pageParam === null ? {} : { after: pageParam } },
        }),
      ),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
  });

/** What a draft would do to every record; the same draft is asked about once. */
export const trialOf = (company: string, draft: Draft | null) =>
  queryOptions({
    queryKey: ["rules", company, "trial", draft],
    queryFn: ({ signal }) =>
      ok(
        api.POST("/v1/companies/{company}/rules/try", {
          params: { path: { company } },
          body: draft as Draft,
          signal,
        }),
      ),
    enabled: draft !== null,
    retry: false,
  });

export const saveRules = (company: string, draft: Draft, version: number) =>
  ok(
    api.PUT("/v1/companies/{company}/rules", { params: { path: { company } }, body: { ...draft, version } }),
  );

export const restoreRules = (company: string, version: number) =>
  ok(api.POST("/v1/companies/{company}/rules/restore", { params: { path: { company } }, body: { version } }));

/** What differs between two versions. */
export const comparison = (company: string, before: number, after: number) =>
  queryOptions({
    queryKey: ["rules", company, "compare", before, after],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/rules/compare", {
          params: { path: { company }, query: { before, after } },
        }),
      ),
  });

/** What a YAML file says, as a draft. */
export const readFile = async (company: string, text: string): Promise<Draft> => {
  const read = await ok(
    api.POST("/v1/companies/{company}/rules/file", { params: { path: { company } }, body: { text } }),
  );
  return { source: read.source, destination: read.destination, active: read.active, rules: read.rules };
};

export const fileOf = (company: string) => `/v1/companies/${company}/rules/file`;

export const draftOf = (view: RulesView): Draft | null =>
  view.source && view.destination
    ? { source: view.source, destination: view.destination, active: view.active, rules: view.rules }
    : null;

/** What a company without a route begins with: one connected account of each system, the first of them the source. */
export function firstDraft(view: RulesView, accounts: CompanyView["accounts"]): Draft | null {
  const live = accounts.filter((one) => one.connected);
  const source = live[0];
  const destination = live.find((one) => one.system !== source?.system);
  if (!source || !destination) return null;
  return {
    source: source.account_id,
    destination: destination.account_id,
    active: true,
    rules: view.rules,
  };
}

/** The entry in effect for a field: the company's own, else the field of the same name; null: it is not sent. */
export function entryOf(draft: Draft, option: FieldOption): Entry | null {
  const own = draft.rules.mapping?.find((one) => one.destination === option.field);
  if (own) return own.mode === "never" ? null : own;
  return option.source ? plain(option.field, { source: option.source }) : null;
}

export const plain = (destination: string, more: Partial<Entry>): Entry => ({
  destination,
  source: null,
  constant: null,
  template: null,
  mode: "always",
  may_clear: true,
  ...more,
});

/** The mapping with this entry for a field; what a field has by itself is not written down. */
export function withEntry(draft: Draft, option: FieldOption, entry: Entry | null): Draft {
  const others = (draft.rules.mapping ?? []).filter((one) => one.destination !== option.field);
  const usual = option.source ? plain(option.field, { source: option.source }) : null;
  const kept = entry ?? (usual ? plain(option.field, { mode: "never" }) : null);
  const needed = kept !== null && JSON.stringify(kept) !== JSON.stringify(usual);
  return { ...draft, rules: { ...draft.rules, mapping: needed ? [...others, kept] : others } };
}
