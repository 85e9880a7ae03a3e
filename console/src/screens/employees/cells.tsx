import { Braces, Ellipsis, GitCompareArrows, History, RotateCw } from "lucide-react";
import { lazy, Suspense, type SyntheticEvent, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import type { RecordView, Status } from "../../api/client";
import type { Filter } from "../../api/queries";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { useRow } from "../../live";
import { VIEWS, type View } from "../../search";
import { STATUS, text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Menu } from "../../ui/Menu";
import { Spinner } from "../../ui/State";
import "../../ui/Status.css";
import { Tooltip } from "../../ui/Tooltip";
import { answered } from "./answered";
import { isCase } from "./isCase";
import type { CellProps } from "./types";
import { useRetry } from "./useRetry";

const WhatToDo = lazy(() => import("./WhatToDo"));

const useRecord = (id: string) => useRow(useCompany().rows, id);
const nameOf = (row: RecordView) => row.name || text.employees.noName;

const LOUD: readonly Status[] = ["needs_action", "failed", "held"];
const needsSomebody = (row: RecordView) => LOUD.includes(row.status);

/** A row that no longer matches the filter stays where it is until the list is refreshed. */
const isOut = (row: RecordView, filter: Filter) =>
  filter.status.length > 0 && !filter.status.includes(row.status);

const SelectionBox = () => <Box slot="selection" />;

/** Ticks one; with Shift, all from the one before it. */
function SpanningBox({ id, pick, mark }: Pick<CellProps, "id" | "pick" | "mark">) {
  const keep = (event: SyntheticEvent & { shiftKey: boolean }) => {
    if (!event.shiftKey) return;
    event.stopPropagation();
    event.preventDefault();
  };
  return (
    <span
      onPointerDownCapture={keep}
      onMouseDownCapture={keep}
      onPointerUpCapture={keep}
      onClickCapture={(event) => {
        if (event.shiftKey) pick(id, { shift: true, ctrl: true });
        else mark(id);
        keep(event);
      }}
    >
      <SelectionBox />
    </span>
  );
}

export function SerialCell({ id, serial, pick, mark }: CellProps) {
  const row = useRecord(id);
  return (
    <span className="serial-cell">
      <SpanningBox id={id} pick={pick} mark={mark} />
      <AriaButton
        className="serial-button"
        aria-label={text.employees.row(serial, row ? nameOf(row) : "")}
        onPress={(e) =>
          pick(id, { shift: e.shiftKey, ctrl: e.ctrlKey || e.metaKey || e.pointerType === "touch" })
        }
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
  if (!row) return <span className="person-coming">{text.employees.coming}</span>;
  return (
    <span className={isOut(row, filter) ? "person out" : "person"} title={nameOf(row)}>
      <span className="person-name">{nameOf(row)}</span>
      {small && (
        <small className={needsSomebody(row) ? "person-reason" : undefined}>
          {[row.number ?? text.employees.noNumber, needsSomebody(row) && row.reason_text]
            .filter(Boolean)
            .join(" · ")}
        </small>
      )}
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

export function StatusCell({ id, filter, onOpen }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  const out = isOut(row, filter);
  const words = out ? text.employees.moved(STATUS[row.status]) : STATUS[row.status];
  if (needsSomebody(row)) return <Loud row={row} words={words} onOpen={onOpen} />;
  return (
    <span
      className={`status-label ${row.status}${row.status === "syncing" ? "" : " dotted"}${out ? " moved" : ""}`}
    >
      {row.status === "syncing" && <Spinner size={12} />}
      {words}
    </span>
  );
}

function Loud({ row, words, onOpen }: { row: RecordView; words: string; onOpen: CellProps["onOpen"] }) {
  const { mayChange } = useCompany();
  if (row.status === "failed" && mayChange) return <Failed row={row} words={words} />;
  return <Why row={row} words={words} onOpen={onOpen} />;
}

/** Why somebody must act, and one link that says what happens. */
export function ReasonCell({ id, onOpen }: CellProps) {
  const row = useRecord(id);
  const { mayChange } = useCompany();
  const [open, setOpen] = useState(false);
  if (!row || !needsSomebody(row)) return null;
  const reason = row.retry_at
    ? `${row.reason_text} ${text.status.againAt(when(row.retry_at))}`
    : row.reason_text;
  return (
    <span className="reason-cell">
      <span className="reason-text" title={reason}>
        {reason}
      </span>{" "}
      {row.status === "failed" && mayChange ? (
        <RetryLink row={row} />
      ) : (
        <AriaButton
          className="link"
          onPress={() => (isCase(row) ? onOpen(row.record_id, "mapping") : setOpen(true))}
        >
          {isCase(row)
            ? text.status.choose
            : row.status === "held"
              ? text.status.review
              : text.status.whatToDo}
          <span className="unseen">{text.status.about(nameOf(row))}</span>
        </AriaButton>
      )}
      <Suspense>
        {open && <WhatToDo row={row} name={nameOf(row)} onOpen={onOpen} onClose={() => setOpen(false)} />}
      </Suspense>
    </span>
  );
}

function RetryLink({ row }: { row: RecordView }) {
  const { queued, ask } = useRetry(row);
  return (
    <AriaButton className="link" onPress={ask}>
      {queued ? text.status.queued : text.status.again}
      <span className="unseen">{text.status.about(nameOf(row))}</span>
    </AriaButton>
  );
}

function Reason({ row, then }: { row: RecordView; then: string }) {
  const { route } = useCompany();
  return (
    <>
      <span>{row.reason_text || STATUS[row.status as Status]}</span>
      {row.answer && <small>{answered(route?.destinationLong ?? "", row.answer)}</small>}
      <small>{then}</small>
    </>
  );
}

/** The reason on hover and focus; a click tries this one again, apart from all others. */
function Failed({ row, words }: { row: RecordView; words: string }) {
  const { queued, ask } = useRetry(row);
  const then = row.retry_at ? text.status.retryNow(when(row.retry_at)) : text.status.retry;
  return (
    <Tooltip text={<Reason row={row} then={then} />}>
      <AriaButton
        className="status-label pill failed"
        aria-label={text.status.retryLabel(nameOf(row), row.reason_text)}
        onPress={ask}
      >
        {queued ? <Spinner size={12} /> : <RotateCw size={12} aria-hidden="true" />}
        {queued ? text.status.queued : words}
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
          className={`status-label pill dotted ${row.status}`}
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

const VIEW_ICONS = { history: History, mapping: GitCompareArrows, json: Braces };

export function ActionsCell({ id, small, onOpen }: CellProps) {
  const row = useRecord(id);
  if (!row) return null;
  const { of, menu } = text.actions;
  if (small)
    return (
      <Menu
        label={menu(nameOf(row))}
        trigger={
          <Button look="icon" aria-label={menu(nameOf(row))}>
            <Ellipsis size={16} aria-hidden="true" />
          </Button>
        }
        items={VIEWS.map((view) => {
          const Icon = VIEW_ICONS[view];
          return { id: view, label: text.actions[view], icon: <Icon size={16} aria-hidden="true" /> };
        })}
        onAction={(view) => onOpen(id, view as View)}
      />
    );
  return (
    <span className="actions-cell">
      {VIEWS.map((view) => {
        const Icon = VIEW_ICONS[view];
        return (
          <Tooltip key={view} text={text.actions[view]}>
            <Button
              look="icon"
              small
              tone={view === "mapping" && isCase(row) ? "loud" : undefined}
              aria-label={of(text.actions[view], nameOf(row))}
              onPress={() => onOpen(id, view)}
            >
              <Icon size={16} aria-hidden="true" />
            </Button>
          </Tooltip>
        );
      })}
    </span>
  );
}
