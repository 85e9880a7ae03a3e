import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";

export type Account = components["schemas"]["AccountView"];
const EVERY_MS = 10_000;

export const accounts = (company: string) =>
  queryOptions({
    queryKey: ["accounts", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/accounts", { params: { path: { company } } })),
    refetchInterval: EVERY_MS,
  });

export const webhook = (company: string, account: string) =>
  queryOptions({
    queryKey: ["webhook", company, account],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/accounts/{account}/webhook", {
          params: { path: { company, account } },
        }),
      ),
    refetchInterval: EVERY_MS,
  });

/** Begins to connect QuickBooks Online; where the browser goes for it. */
export const authorise = async (company: string, environment: Environment, account?: string) =>
  (
    await ok(
      api.POST("/v1/companies/{company}/accounts/authorise", {
        params: { path: { company } },
        body: { environment, account_id: account ?? null },
      }),
    )
  ).url;

export type Environment = "production" | "sandbox";
