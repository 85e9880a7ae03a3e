import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import type { Span } from "./search";

type Schemas = components["schemas"];
export type OperationsView = Schemas["OperationsView"];
export type Results = Schemas["ResultsView"];
export type Point = Schemas["ResultPoint"];
export type DeadLetter = Schemas["DeadLetterView"];

const EVERY_MS = 10_000;

/** Asked again when the stream says that a run moved (`company.tsx`), and now and then: time passes without an event. */
export const operations = (company: string, span: Span) =>
  queryOptions({
    queryKey: ["operations", company, span],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/operations", {
          params: { path: { company }, query: { span } },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: EVERY_MS,
  });

export const deadLetters = (company: string) =>
  queryOptions({
    queryKey: ["dead-letters", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/dead-letters", { params: { path: { company } } })),
    refetchInterval: EVERY_MS,
  });

export const deadLetter = (company: string, service: DeadLetter["service"], letter: string) =>
  queryOptions({
    queryKey: ["dead-letter", company, service, letter],
    queryFn: () =>
      ok(
        api.GET("/v1/companies/{company}/dead-letters/{service}/{letter}", {
          params: { path: { company, service: service as "history", letter } },
        }),
      ),
    staleTime: 0,
  });

const place = (company: string, letter: DeadLetter) => ({
  path: { company, service: letter.service as "history", letter: letter.id },
});

export const replay = (company: string, letter: DeadLetter) =>
  ok(
    api.POST("/v1/companies/{company}/dead-letters/{service}/{letter}/replay", {
      params: place(company, letter),
    }),
  );

export const discard = (company: string, letter: DeadLetter, reason: string) =>
  ok(
    api.POST("/v1/companies/{company}/dead-letters/{service}/{letter}/discard", {
      params: place(company, letter),
      body: { reason },
    }),
  );

export const installation = queryOptions({
  queryKey: ["installation"],
  queryFn: () => ok(api.GET("/v1/installation")),
  refetchInterval: EVERY_MS,
});
