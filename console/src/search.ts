import type { Status } from "./api/client";
import { NOTHING, type Selection } from "./selection";

export const VIEWS = ["history", "mapping", "json"] as const;
/** What is open about one record. */
export type View = (typeof VIEWS)[number];

/** What the address of the Employees screen holds. */
export interface EmployeesSearch {
  status?: Status[] | undefined;
  q?: string | undefined;
  sort?: string | undefined;
  record?: string | undefined;
  view?: View | undefined;
  /** The source's people are shown to be picked from. */
  pick?: "source" | undefined;
}

let last: { company: string; search: EmployeesSearch } | null = null;

/** Keeps the list's filter and order for the way back from another screen. */
export function rememberList(company: string, search: EmployeesSearch): void {
  last = { company, search: { status: search.status, q: search.q, sort: search.sort } };
}

/** The company's list as it was last shown. */
export const lastList = (company: string): EmployeesSearch => (last?.company === company ? last.search : {});

const filterOf = ({ status = [], q = "" }: EmployeesSearch) => JSON.stringify([[...status].sort(), q]);

let selected: { company: string; filter: string; selection: Selection } | null = null;

/** Keeps what is selected for the way back from a plan. */
export function rememberSelection(company: string, search: EmployeesSearch, selection: Selection): void {
  selected = { company, filter: filterOf(search), selection };
}

/** What was selected in the company's list. "Everything" meant what matched the filter it was said of. */
export function lastSelection(company: string, search: EmployeesSearch): Selection {
  if (selected?.company !== company) return NOTHING;
  return selected.selection.all && selected.filter !== filterOf(search) ? NOTHING : selected.selection;
}

/** A plan of it is being written. */
export function forgetSelection(): void {
  selected = null;
}
