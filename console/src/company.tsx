import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { api, type CompanyView, ok } from "./api/client";
import { type Hint, type Link, listen, Rows } from "./live";

const COUNTS_EVERY_MS = 1_000;
const ASK_EVERY_MS = 5_000;

/** The link's state, watched by the one label that shows it. */
export class LinkState {
  private state: Link = "connecting";
  private readonly listeners = new Set<() => void>();

  get = () => this.state;

  set(state: Link): void {
    if (state === this.state) return;
    this.state = state;
    for (const tell of this.listeners) tell();
  }

  watch = (tell: () => void) => {
    this.listeners.add(tell);
    return () => {
      this.listeners.delete(tell);
    };
  };
}

export const useLink = (link: LinkState) => useSyncExternalStore(link.watch, link.get);

/** What the screens of one company stand on. */
export interface Company {
  view: CompanyView;
  id: string;
  /** How the two systems are called; null without an active route. */
  route: { source: string; destination: string; sourceLong: string; destinationLong: string } | null;
  mayChange: boolean;
  rows: Rows;
  link: LinkState;
}

export const CompanyContext = createContext<Company | null>(null);

export function useCompany(): Company {
  const company = useContext(CompanyContext);
  if (!company) throw new Error("outside a company");
  return company;
}

export function routeOf(view: CompanyView): Company["route"] {
  const route = view.route;
  if (!route?.active) return null;
  const called = (id: string) => {
    const account = view.accounts.find((one) => one.account_id === id);
    return view.systems.find((one) => one.system === account?.system);
  };
  const [source, destination] = [called(route.source), called(route.destination)];
  if (!source || !destination) return null;
  return {
    source: source.short_label,
    destination: destination.short_label,
    sourceLong: source.label,
    destinationLong: destination.label,
  };
}

const readRows = (company: string) => async (ids: string[]) => {
  const params = { path: { company }, query: { ids, limit: ids.length } };
  return (await ok(api.GET("/v1/companies/{company}/records", { params }))).items;
};

/** Rows that keep themselves up to date, and queries that are asked again when the stream says so. */
export function useLive(company: string): { rows: Rows; link: LinkState } {
  const client = useQueryClient();
  const [parts, setParts] = useState(() => ({
    company,
    rows: new Rows(readRows(company)),
    link: new LinkState(),
  }));
  if (parts.company !== company) {
    setParts({ company, rows: new Rows(readRows(company)), link: new LinkState() });
  }
  useEffect(() => {
    if (parts.company !== company) return;
    return follow(company, parts.rows, parts.link, client);
  }, [company, parts, client]);
  return parts;
}

function follow(company: string, rows: Rows, link: LinkState, client: QueryClient): () => void {
  let counting: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  const askOne = (kind: string, ids: readonly string[] | null) => {
    const asked = client.getQueryCache().findAll({
      predicate: ({ queryKey: [what, where, id] }) =>
        what === kind && where === company && (ids === null || ids.includes(id as string)),
    });
    for (const query of asked) {
      const again = () => void client.invalidateQueries({ queryKey: query.queryKey, exact: true });
      // A first answer that is on its way may be from before, and is not asked for twice: ask when it is here.
      if (query.state.data === undefined && query.state.fetchStatus === "fetching")
        query.promise?.then(again, again);
      else again();
    }
  };
  const askCounts = () => {
    if (counting !== undefined) {
      again = true;
      return;
    }
    for (const kind of ["counts", "history", "cases", "links", "orphans", "excluded"]) askOne(kind, null);
    counting = setTimeout(() => {
      counting = undefined;
      if (again) {
        again = false;
        askCounts();
      }
    }, COUNTS_EVERY_MS);
  };
  const everything = () => {
    rows.allMoved();
    askCounts();
    for (const kind of [
      "run",
      "runs",
      "timeline",
      "record",
      "candidates",
      "plan",
      "plan-records",
      "plans",
      "operations",
      "dead-letters",
    ])
      askOne(kind, null);
    const failed = client
      .getQueryCache()
      .findAll({ type: "active", predicate: (q) => q.state.status === "error" });
    for (const query of failed) void client.refetchQueries({ queryKey: query.queryKey, exact: true });
  };
  const stop = listen(company, {
    hint: (hint: Hint) => {
      if (hint.records === null) rows.allMoved();
      else rows.moved(hint.records);
      if (hint.records === null || hint.records.length > 0) {
        askOne("timeline", hint.records);
        askOne("record", hint.records);
        askOne("candidates", hint.records);
      }
      if (hint.runs.length > 0) {
        askOne("run", hint.runs);
        askOne("runs", null);
        askOne("plan", hint.runs);
        askOne("plan-records", hint.runs);
        askOne("plans", null);
        askOne("operations", null);
      }
      if (hint.counts || hint.records === null || hint.records.length > 0) askCounts();
    },
    resync: everything,
    link: (state) => link.set(state),
  });
  // Where no stream comes through (a proxy may hold it back) the page asks now and then.
  const asking = setInterval(() => {
    if (link.get() !== "live" && document.visibilityState === "visible") everything();
  }, ASK_EVERY_MS);
  return () => {
    clearTimeout(counting);
    clearInterval(asking);
    stop();
  };
}
