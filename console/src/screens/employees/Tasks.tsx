import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronDown, Download, ListChecks, Send, Sparkles } from "lucide-react";
import { type ReactNode, useRef } from "react";
import type { ApiError, ImportMode } from "../../api/client";
import { counts, type Filter, startImport } from "../../api/queries";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { count, NOTHING, type Selection } from "../../selection";
import { atLeastOf, text } from "../../text";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { useSync } from "../plans/useSync";
import { totalOf } from "./totals";
import { watchRun } from "./watched";

const ICONS: Record<ImportMode, ReactNode> = {
  new: <Sparkles size={16} aria-hidden="true" />,
  all: <Download size={16} aria-hidden="true" />,
  selected: <ListChecks size={16} aria-hidden="true" />,
};

interface TasksProps {
  filter: Filter;
  selection: Selection;
  onSelect: (selection: Selection) => void;
  /** Opens the dialog in which people of the source are picked. */
  onPick: () => void;
}

export function Tasks({ filter, selection, onSelect, onPick }: TasksProps) {
  const { mayChange } = useCompany();
  return (
    <>
      {!mayChange && <span className="muted">{text.errors.viewer}</span>}
      <ImportMenu onPick={onPick} />
      <SyncButton filter={filter} selection={selection} onSelect={onSelect} />
    </>
  );
}

function ImportMenu({ onPick }: { onPick: () => void }) {
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
          {text.imports.button}
          <ChevronDown size={14} aria-hidden="true" />
        </Button>
      }
      header={<span>{text.imports.hint(route.sourceLong)}</span>}
      items={text.imports.modes(route.source).map(({ mode, label, hint }) => ({
        id: mode,
        label,
        hint,
        icon: ICONS[mode],
      }))}
      onAction={(mode) => (mode === "selected" ? onPick() : begin.mutate(mode as ImportMode))}
    />
  );
}

/** Opens the plan of what is selected; a few may be synced at once where the company's rules allow it. */
function SyncButton({ filter, selection, onSelect }: Omit<TasksProps, "onPick">) {
  const { id, route, mayChange } = useCompany();
  const sync = useSync();
  const found = useQuery(counts(id, filter.q)).data;
  const selected = count(selection, totalOf(found, filter.status));
  // A second click on the same selection asks with the same key, so it is answered with the same plan or run.
  const asked = useRef<{ selection: Selection; key: string } | null>(null);
  const busy = useRef(false);

  const begin = useMutation({
    mutationFn: () => {
      if (asked.current?.selection !== selection) asked.current = { selection, key: newKey() };
      const { key } = asked.current;
      const what = selection.all ? { filter, except: [...selection.except] } : { ids: [...selection.ids] };
      return sync(what, key);
    },
    onSuccess: (run) => {
      if (run !== null) onSelect(NOTHING);
    },
    onError: (error: ApiError) => notice.bad(says(error)),
  });

  async function press() {
    if (busy.current || selected === 0) return;
    busy.current = true;
    try {
      await begin.mutateAsync();
    } catch {
      // It was said where it happened.
    } finally {
      busy.current = false;
    }
  }

  if (!route) return null;
  return (
    <Button
      look="primary"
      isDisabled={!mayChange || selected === 0}
      isPending={begin.isPending}
      onPress={() => void press()}
    >
      {begin.isPending ? <Spinner /> : <Send size={16} aria-hidden="true" />}
      {text.sync.button(route.destination)}
      <span className="button-count">
        {selected > 0 ? atLeastOf(selected, selection.all && found?.atLeast) : ""}
      </span>
    </Button>
  );
}

const says = (error: ApiError) =>
  error.kind === "offline" ? text.errors.offline : text.errors.message(error.message);
