import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronDown, Download, Send, Sparkles } from "lucide-react";
import { lazy, Suspense, useRef, useState } from "react";
import type { ApiError, ImportMode, Status } from "../../api/client";
import { counts, type Filter, select, startImport, startSync } from "../../api/queries";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { count, EVERYTHING, NOTHING, type Selection } from "../../selection";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { totalOf } from "./totals";
import { watchRun } from "./watched";

const ConfirmSync = lazy(() => import("./ConfirmSync"));
const ASK_ABOVE = 500;

interface TasksProps {
  filter: Filter;
  selection: Selection;
  onSelect: (selection: Selection) => void;
}

/** A selection that the server holds, waiting for a yes. */
export interface Fixed {
  selectionId: string;
  count: number;
  counts: Partial<Record<Status, number>>;
  filter: Filter | null;
}

export function Tasks({ filter, selection, onSelect }: TasksProps) {
  const { mayChange } = useCompany();
  return (
    <div className="tasks">
      {mayChange ? (
        <Selected filter={filter} selection={selection} onSelect={onSelect} />
      ) : (
        <span className="muted tasks-note">{text.errors.viewer}</span>
      )}
      <ImportMenu />
      <SyncButton filter={filter} selection={selection} onSelect={onSelect} />
    </div>
  );
}

function Selected({ filter, selection, onSelect }: TasksProps) {
  const found = useQuery(counts(useCompany().id, filter.q)).data;
  const total = totalOf(found, filter.status);
  const selected = count(selection, total);
  const words = text.selection;
  let says: string = words.none;
  if (selection.all && selection.except.size > 0) says = words.butFew(selected, selection.except.size);
  else if (selection.all) says = words.everything(selected);
  else if (selected > 0) says = words.selected(selected);
  return (
    <div className="selected">
      <span className={selected > 0 ? "selected-count" : "muted"} role="status">
        {says}
      </span>
      {!(selection.all && selection.except.size === 0) && total > 0 && (
        <Button look="quiet" onPress={() => onSelect(EVERYTHING)}>
          {words.selectAll(total)}
        </Button>
      )}
      {selected > 0 && (
        <Button look="quiet" onPress={() => onSelect(NOTHING)}>
          {words.clear}
        </Button>
      )}
    </div>
  );
}

function ImportMenu() {
  const { id, route, mayChange } = useCompany();
  const client = useQueryClient();
  const begin = useMutation({
    mutationFn: (mode: ImportMode) => startImport(id, mode, newKey()),
    onSuccess: ({ run_id }) => {
      watchRun(id, run_id);
      void client.invalidateQueries({ queryKey: ["runs", id] });
    },
    onError: (error: ApiError) => notice.bad(says(error)),
  });
  if (!route) return null;
  return (
    <Menu
      label={text.imports.button}
      trigger={
        <Button aria-label={text.imports.button} isDisabled={!mayChange} isPending={begin.isPending}>
          {begin.isPending ? <Spinner /> : <Download size={16} aria-hidden="true" />}
          <span className="wide">{text.imports.button}</span>
          <ChevronDown size={14} aria-hidden="true" />
        </Button>
      }
      header={<span>{text.imports.hint(route.sourceLong)}</span>}
      items={text.imports.modes(route.source).map(({ mode, label, hint }) => ({
        id: mode,
        label,
        hint,
        icon:
          mode === "new" ? (
            <Sparkles size={16} aria-hidden="true" />
          ) : (
            <Download size={16} aria-hidden="true" />
          ),
      }))}
      onAction={(mode) => begin.mutate(mode as ImportMode)}
    />
  );
}

function SyncButton({ filter, selection, onSelect }: TasksProps) {
  const { id, route, mayChange } = useCompany();
  const client = useQueryClient();
  const found = useQuery(counts(id, filter.q)).data;
  const selected = count(selection, totalOf(found, filter.status));
  const [fixed, setFixed] = useState<Fixed | null>(null);
  // A second click on the same selection asks with the same key, so it is answered with the same run.
  const asked = useRef<{ selection: Selection; key: string } | null>(null);
  const busy = useRef(false);

  const begin = useMutation({
    mutationFn: async (what: { record_ids: string[] } | { selection_id: string }) => {
      if (asked.current?.selection !== selection) asked.current = { selection, key: newKey() };
      return startSync(id, what, asked.current.key);
    },
    onSuccess: ({ run_id }) => {
      watchRun(id, run_id);
      setFixed(null);
      onSelect(NOTHING);
      void client.invalidateQueries({ queryKey: ["runs", id] });
    },
    onError: (error: ApiError) => notice.bad(says(error)),
  });
  const fix = useMutation({
    mutationFn: async () => {
      const what = selection.all
        ? select(id, { filter, except: [...selection.except] })
        : select(id, { ids: [...selection.ids] });
      const { selection_id, count, counts } = await what;
      setFixed({ selectionId: selection_id, count, counts, filter: selection.all ? filter : null });
    },
    onError: (error: ApiError) => notice.bad(says(error)),
  });

  async function press() {
    if (busy.current || selected === 0) return;
    busy.current = true;
    try {
      if (selection.all || selection.ids.size > ASK_ABOVE) await fix.mutateAsync();
      else await begin.mutateAsync({ record_ids: [...selection.ids] });
    } catch {
      // It was said where it happened.
    } finally {
      busy.current = false;
    }
  }

  if (!route) return null;
  const pending = begin.isPending || fix.isPending;
  return (
    <>
      <Button
        look="primary"
        isDisabled={!mayChange || selected === 0}
        isPending={pending}
        onPress={() => void press()}
      >
        {pending ? <Spinner /> : <Send size={16} aria-hidden="true" />}
        {text.sync.button(route.destination)}
        <span className="button-count">{selected > 0 ? n(selected) : ""}</span>
      </Button>
      <Suspense>
        {fixed && (
          <ConfirmSync
            fixed={fixed}
            busy={begin.isPending}
            onYes={() => begin.mutate({ selection_id: fixed.selectionId })}
            onClose={() => setFixed(null)}
          />
        )}
      </Suspense>
    </>
  );
}

const says = (error: ApiError) =>
  error.kind === "offline" ? text.errors.offline : text.errors.message(error.message);
