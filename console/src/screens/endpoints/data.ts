import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";

export type Endpoint = components["schemas"]["EndpointView"];
export type State = "active" | "paused";
const at = (company: string, endpoint: string) => ({ path: { company, endpoint } });
const ONE = "/v1/companies/{company}/endpoints/{endpoint}";

export const endpoints = (company: string) =>
  queryOptions({
    queryKey: ["endpoints", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/endpoints", { params: { path: { company } } })),
    refetchInterval: 10_000,
  });

export const deliveries = (company: string, endpoint: string) =>
  queryOptions({
    queryKey: ["deliveries", company, endpoint],
    queryFn: () => ok(api.GET(`${ONE}/deliveries`, { params: at(company, endpoint) })),
    refetchInterval: 3_000,
  });

export const add = (company: string, url: string, types: string[]) =>
  ok(
    api.POST("/v1/companies/{company}/endpoints", {
      params: { path: { company } },
      body: { url, types, description: "" },
    }),
  );
export const change = (company: string, endpoint: string, state: State) =>
  ok(api.PATCH(ONE, { params: at(company, endpoint), body: { state } }));
export const rotate = (company: string, endpoint: string) =>
  ok(api.POST(`${ONE}/secret`, { params: at(company, endpoint) }));
export const remove = (company: string, endpoint: string) =>
  ok(api.DELETE(ONE, { params: at(company, endpoint) }));
export const test = (company: string, endpoint: string) =>
  ok(api.POST(`${ONE}/test`, { params: at(company, endpoint) }));
export const redeliver = (company: string, endpoint: string, delivery: number) =>
  ok(
    api.POST(`${ONE}/deliveries/{delivery}/redeliver`, {
      params: { path: { company, endpoint, delivery } },
    }),
  );
