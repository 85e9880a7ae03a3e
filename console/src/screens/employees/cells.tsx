import { Braces, Check, Ellipsis, History, Minus, RotateCw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import { Checkbox } from "react-aria-components/Checkbox";
import type { RecordView, Status } from "../../api/client";
import type { Filter } from "../../api/queries";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { useRow } from "../../live";
import { STATUS, text } from "../../text";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { Spinner } from "../../ui/State";
import { Tooltip } from "../../ui/Tooltip";
import type { CellProps } from "./Grid";
import { useRetry } from "./useRetry";

const WhatToDo = lazy(() => import("./WhatToDo"));

const useRecord = (id: string) => useRow(useCompany().rows, id);
const nameOf = (row: RecordView) => row.name || text.employees.noName;

/** A row that no longer matches the filter stays where it is until the list is refreshed. */
const isOut = (row: RecordView, filter: Filter) =>
  filter.status.length > 0 && !filter.status.includes(row.status);

const Box = () => (
  <Checkbox slot="selection" className="checkbox">
    {({ isIndeterminate, isSelected }) => (
      <span className="box">
        {isIndeterminate ? (
          <Minus size={12} strokeWidth={3.5} />
        ) : (
          isSelected && <Check size={12} strokeWidth={3.5} />
        )}
      </span>
    )}
  </Checkbox>
);

export const SelectAllBox = Box;

export function SerialCell({ id, serial, pick }: CellProps) {
  const row = useRecord(id);
  return (
    <span className="serial-cell">
      <Box />
      <AriaButton
        className="serial-button"
        aria-label={text.employees.row(serial, row ? nameOf(row) : "")}
        onPress={(e) => pick(id, { shift: e.shiftKey, ctrl: e.ctrlKey || e.metaKey })}
      >
        {serial}
      </AriaButton>
    </span>
  );
}

export function NumberCell({ id, filter }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  return (
    <span className={isOut(row, filter) ? "out" : undefined}>{row.number ?? text.employees.noNumber}</span>
  );
}

export function NameCell({ id, filter, small }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  return (
    <span className={isOut(row, filter) ? "person out" : "person"} title={nameOf(row)}>
      <span className="person-name">{nameOf(row)}</span>
      {small && <small>{row.number ?? text.employees.noNumber}</small>}
    </span>
  );
}

export function SyncedCell({ id, filter }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  if (!row.synced_at) return <span className="muted">{text.employees.never}</span>;
  return (
    <time
      dateTime={row.synced_at}
      title={exactly(row.synced_at)}
      className={isOut(row, filter) ? "out" : undefined}
    >
      {when(row.synced_at)}
    </time>
  );
}

export function StatusCell({ id, filter, small, onOpen }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  const out = isOut(row, filter);
  return (
    <span className={out ? "status-cell moved" : "status-cell"}>
      <Pill
        row={row}
        onOpen={onOpen}
        words={out ? text.employees.moved(STATUS[row.status]) : STATUS[row.status]}
      />
      {!small && row.status !== "synced" && row.reason_text && (
        <span className="reason" title={row.reason_text}>
          {row.reason_text}
        </span>
      )}
    </span>
  );
}

function Pill({ row, words, onOpen }: { row: RecordView; words: string; onOpen: CellProps["onOpen"] }) {
  const { mayChange } = useCompany();
  if (row.status === "failed" && mayChange) return <Failed row={row} words={words} />;
  if (row.status === "needs_action" || row.status === "held" || row.status === "failed")
    return <Why row={row} words={words} onOpen={onOpen} />;
  return (
    <span className={`pill ${row.status}`}>
      {row.status === "syncing" && <Spinner size={12} />}
      {words}
    </span>
  );
}

function Reason({ row, then }: { row: RecordView; then: string }) {
  return (
    <>
      <span>{row.reason_text || STATUS[row.status as Status]}</span>
      <small>{then}</small>
    </>
  );
}

/** The reason on hover and focus; a click tries this one again, apart from all others. */
function Failed({ row, words }: { row: RecordView; words: string }) {
  const { queued, ask } = useRetry(row);
  return (
    <Tooltip text={<Reason row={row} then={text.status.retry} />}>
      <AriaButton
        className="pill failed button-pill"
        aria-label={text.status.retryLabel(nameOf(row), row.reason_text)}
        onPress={ask}
      >
        {queued ? text.status.queued : words}
        {queued ? <Spinner size={12} /> : <RotateCw size={12} aria-hidden="true" />}
      </AriaButton>
    </Tooltip>
  );
}

/** The reason on hover and focus; a click says what to do. */
function Why({ row, words, onOpen }: { row: RecordView; words: string; onOpen: CellProps["onOpen"] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Tooltip text={<Reason row={row} then={text.status.why} />}>
        <AriaButton
          className={`pill ${row.status} button-pill`}
          aria-label={text.status.whyLabel(STATUS[row.status], nameOf(row), row.reason_text)}
          onPress={() => setOpen(true)}
        >
          {words}
        </AriaButton>
      </Tooltip>
      <Suspense>
        {open && <WhatToDo row={row} name={nameOf(row)} onOpen={onOpen} onClose={() => setOpen(false)} />}
      </Suspense>
    </>
  );
}

export function ActionsCell({ id, small, onOpen }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  const { history, json, of, menu } = text.actions;
  if (small)
    return (
      <Menu
        label={menu(nameOf(row))}
        trigger={
          <Button look="icon" aria-label={menu(nameOf(row))}>
            <Ellipsis size={17} aria-hidden="true" />
          </Button>
        }
        items={[
          { id: "history", label: history, icon: <History size={16} aria-hidden="true" /> },
          { id: "json", label: json, icon: <Braces size={16} aria-hidden="true" /> },
        ]}
        onAction={(view) => onOpen(id, view as "history" | "json")}
      />
    );
  return (
    <span className="actions-cell">
      <Tooltip text={history}>
        <Button look="icon" aria-label={of(history, nameOf(row))} onPress={() => onOpen(id, "history")}>
          <History size={16} aria-hidden="true" />
        </Button>
      </Tooltip>
      <Tooltip text={json}>
        <Button look="icon" aria-label={of(json, nameOf(row))} onPress={() => onOpen(id, "json")}>
          <Braces size={16} aria-hidden="true" />
        </Button>
      </Tooltip>
    </span>
  );
}
