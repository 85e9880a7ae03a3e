import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Unplug } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Status } from "../../api/client";
import { counts, type Filter } from "../../api/queries";
import { useCompany } from "../../company";
import {
  type EmployeesSearch,
  lastSelection,
  rememberList,
  rememberSelection,
  type View,
} from "../../search";
import { NOTHING, type Selection } from "../../selection";
import { text } from "../../text";
import { useDialogAddress } from "../../ui/dialogAddress";
import { Direction, Page } from "../../ui/Page";
import { State } from "../../ui/State";
import { Footer } from "./Footer";
import { Fresh } from "./Fresh";
import { Grid } from "./Grid";
import { Tasks } from "./Tasks";
import { Toolbar } from "./Toolbar";
import { totalOf } from "./totals";

const History = lazy(() => import("./History"));
const Json = lazy(() => import("./json/Json"));
const ImportSelected = lazy(() => import("../import/ImportSelected"));
const MappingDialog = lazy(() => import("../mapping/MappingDialog"));

const EVERY: readonly Status[] = [];
const ATTENTION: readonly Status[] = ["needs_action", "failed", "held"];

/** The staging screen: who there is, how each stands, and the way to the destination. */
export function Employees() {
  const { route } = useCompany();
  if (route) return <Staged />;
  return (
    <Page title={text.employees.title}>
      <State
        icon={<Unplug size={28} aria-hidden="true" />}
        title={text.employees.noRoute}
        fix={text.employees.noRouteFix}
      />
    </Page>
  );
}

/** The direction, and how many wait for a person. */
function Lead({ q }: { q: string }) {
  const found = useQuery(counts(useCompany().id, q)).data;
  const waiting = found ? totalOf(found, ATTENTION) : 0;
  return (
    <>
      <Direction />
      {waiting > 0 && (
        <>
          <span aria-hidden="true">·</span>
          <Link
            from="/c/$company/employees"
            to="."
            search={(before) => ({ ...before, status: [...ATTENTION] })}
            className="link"
          >
            {text.employees.waiting(waiting, found?.atLeast)}
          </Link>
        </>
      )}
      <Fresh />
    </>
  );
}

function Staged() {
  const search = useSearch({ from: "/c/$company/employees" });
  const navigate = useNavigate({ from: "/c/$company/employees" });
  const { id: companyId } = useCompany();
  useEffect(() => rememberList(companyId, search), [companyId, search]);
  const [selection, setSelection] = useState<Selection>(() => lastSelection(companyId, search));
  useEffect(() => rememberSelection(companyId, search, selection), [companyId, search, selection]);
  const filter = useMemo<Filter>(
    () => ({ status: search.status ?? EVERY, q: search.q ?? "" }),
    [search.status, search.q],
  );

  const change = useCallback(
    (what: Partial<EmployeesSearch>, replace = true) =>
      void navigate({ search: (before) => ({ ...before, ...what }), replace }),
    [navigate],
  );
  const refilter = useCallback(
    (what: Partial<EmployeesSearch>) => {
      // "Everything" meant everything that matched the filter it was said of.
      setSelection((before) => (before.all ? NOTHING : before));
      change(what);
    },
    [change],
  );
  const shown = useRef<View>(search.view ?? "history");
  const address = useDialogAddress(
    search.record !== undefined,
    useCallback(
      (record: string | undefined, replace: boolean) =>
        change({ record, view: record === undefined ? undefined : shown.current }, replace),
      [change],
    ),
  );
  const { close, go } = address;
  const open = useCallback(
    (record: string, view: View) => {
      shown.current = view;
      address.open(record);
    },
    [address.open],
  );
  const picking = useDialogAddress(
    search.pick !== undefined,
    useCallback(
      (pick: string | undefined, replace: boolean) => change({ pick: pick ? "source" : undefined }, replace),
      [change],
    ),
  );

  return (
    <Page
      fill
      title={text.employees.title}
      lead={<Lead q={filter.q} />}
      actions={
        <Tasks
          filter={filter}
          selection={selection}
          onSelect={setSelection}
          onPick={() => picking.open("source")}
        />
      }
    >
      <Toolbar filter={filter} onFilter={refilter} />
      <Grid
        filter={filter}
        sort={search.sort ?? "number"}
        selection={selection}
        onSelect={setSelection}
        onFilter={refilter}
        onOpen={open}
      />
      <Footer filter={filter} sort={search.sort ?? "number"} />
      <Suspense>
        {search.record && search.view === "history" && <History record={search.record} onClose={close} />}
        {search.record && search.view === "mapping" && (
          <MappingDialog record={search.record} onGo={go} onClose={close} />
        )}
        {search.record && search.view === "json" && <Json record={search.record} onClose={close} />}
        {search.pick && <ImportSelected onClose={picking.close} />}
      </Suspense>
    </Page>
  );
}
