import { useNavigate, useSearch } from "@tanstack/react-router";
import { ArrowRight, Unplug } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import type { Filter } from "../../api/queries";
import { useCompany } from "../../company";
import type { EmployeesSearch } from "../../router";
import { NOTHING, type Selection } from "../../selection";
import { text } from "../../text";
import { State } from "../../ui/State";
import { Footer } from "./Footer";
import { Grid } from "./Grid";
import { Tasks } from "./Tasks";
import { Toolbar } from "./Toolbar";

const History = lazy(() => import("./History"));
const Json = lazy(() => import("./Json"));

/** The staging screen: who there is, how each stands, and the way to the destination. */
export function Employees() {
  const { route } = useCompany();
  return (
    <div className="employees">
      <title>{text.title(text.employees.title)}</title>
      {route ? (
        <Staged />
      ) : (
        <State
          icon={<Unplug size={28} aria-hidden="true" />}
          title={text.employees.noRoute}
          fix={text.employees.noRouteFix}
        />
      )}
    </div>
  );
}

function Staged() {
  const { route } = useCompany();
  const search = useSearch({ from: "/c/$company/employees" });
  const navigate = useNavigate({ from: "/c/$company/employees" });
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const filter = useMemo<Filter>(
    () => ({ status: search.status ?? [], q: search.q ?? "" }),
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
  const open = useCallback(
    (record: string, view: "history" | "json") => change({ record, view }, false),
    [change],
  );
  const close = useCallback(() => change({ record: undefined, view: undefined }, false), [change]);

  return (
    <>
      <div className="screen-head">
        <div>
          <h1>{text.employees.title}</h1>
          <p className="route">
            {route?.sourceLong}
            <ArrowRight size={14} aria-label="→" />
            {route?.destinationLong}
          </p>
        </div>
        <Tasks filter={filter} selection={selection} onSelect={setSelection} />
      </div>
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
        {search.record && search.view === "json" && <Json record={search.record} onClose={close} />}
      </Suspense>
    </>
  );
}
