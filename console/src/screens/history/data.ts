import { infiniteQueryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import { sinceOf } from "../../format";

type Schemas = components["schemas"];
export type HistoryEntry = Schemas["HistoryEntry"];
export type HistoryPage = Schemas["HistoryPage"];
export type Kind = Schemas["HistoryKind"];
export type Attempt = Schemas["Attempt"];

/** What the history is filtered by. */
export interface HistoryFilter {
  kind?: Kind | undefined;
  field?: string | undefined;
  who?: string | undefined;
  days?: "1" | "7" | "30" | undefined;
}

export const KINDS = ["fields", "sync", "matching", "rules", "plan"] as const satisfies readonly Kind[];
const PAGE = 50;

const askedBy = ({ kind, field, who, days }: HistoryFilter) => ({
  ...(kind && { kind: [kind] }),
  ...(field && { field }),
  ...(who !== undefined && { actor: who === "muster" ? "" : who }),
  ...(days && { since: sinceOf(days) }),
});

/** One page, of a record or of the whole company. */
export function historyPage(
  company: string,
  record: string | undefined,
  filter: HistoryFilter,
  after: string | null,
  limit = PAGE,
): Promise<HistoryPage> {
  const query = { ...askedBy(filter), limit, ...(after !== null && { after: Number(after) }) };
  return record === undefined
    ? ok(api.GET("/v1/companies/{company}/history", { params: { path: { company }, query } }))
    : ok(
        api.GET("/v1/companies/{company}/records/{record}/history", {
          params: { path: { company, record }, query },
        }),
      );
}

/** Newest first; of one record it is read again when something happens to it. */
export const history = (company: string, record: string | undefined, filter: HistoryFilter) =>
  infiniteQueryOptions({
    queryKey: record === undefined ? ["history", company, filter] : ["timeline", company, record, filter],
    queryFn: ({ pageParam }) => historyPage(company, record, filter, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

/** The fields that may have moved, in the order of a record. */
export const FIELDS = [
  "number",
  "first_name",
  "middle_name",
  "last_name",
  "suffix",
  "honorific",
  "display_name",
  "email",
  "phone",
  "mobile",
  "title",
  "department",
  "permission_level",
  "pay_type",
  "bill_rate",
  "cost_rate",
  "billable",
  "hire_date",
  "end_date",
  "birth_date",
  "gender",
  "address_line1",
  "address_line2",
  "address_city",
  "address_state",
  "address_postal_code",
  "address_country",
  "active",
] as const;
