import { queryOptions } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";

export type Kind = components["schemas"]["MyChoice"]["kinds"][number];
export type Choice = components["schemas"]["MyChoice"];
export type Channel = components["schemas"]["ChannelView"];
export type Shape = components["schemas"]["ChannelInput"]["shape"];
type Change = components["schemas"]["ChannelChange"];
const ALL = "/v1/companies/{company}/notices";
const CHANNELS = `${ALL}/channels` as const;
const ONE = `${CHANNELS}/{channel}` as const;
const at = (company: string, channel: string) => ({ path: { company, channel } });

export const notices = (company: string) =>
  queryOptions({
    queryKey: ["notices", company],
    queryFn: () => ok(api.GET(ALL, { params: { path: { company } } })),
  });

export const channels = (company: string) =>
  queryOptions({
    queryKey: ["notice-channels", company],
    queryFn: () => ok(api.GET(CHANNELS, { params: { path: { company } } })),
    refetchInterval: 30_000,
  });

/** The last messages to a channel; without one, to oneself. */
export const messages = (company: string, channel: string | null) =>
  queryOptions({
    queryKey: ["notice-messages", company, channel],
    queryFn: () =>
      channel
        ? ok(api.GET(`${ONE}/messages`, { params: at(company, channel) }))
        : ok(api.GET(`${ALL}/mine/messages`, { params: { path: { company } } })),
    refetchInterval: 2_000,
  });

export const save = (company: string, body: Choice) =>
  ok(api.PUT(`${ALL}/mine`, { params: { path: { company } }, body }));
export const testMine = (company: string) =>
  ok(api.POST(`${ALL}/mine/test`, { params: { path: { company } } }));
export const add = (company: string, shape: Shape, name: string, url: string, kinds: Kind[]) =>
  ok(api.POST(CHANNELS, { params: { path: { company } }, body: { shape, name, url, kinds } }));
export const change = (company: string, channel: string, body: Change) =>
  ok(api.PATCH(ONE, { params: at(company, channel), body }));
export const remove = (company: string, channel: string) =>
  ok(api.DELETE(ONE, { params: at(company, channel) }));
export const test = (company: string, channel: string) =>
  ok(api.POST(`${ONE}/test`, { params: at(company, channel) }));
