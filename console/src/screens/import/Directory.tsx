import { SearchX, ServerOff } from "lucide-react";
import { type FocusEvent, type ReactNode, useCallback, useMemo, useRef } from "react";
import {
  Cell,
  Column,
  Row,
  Table,
  TableBody,
  TableHeader,
  TableLayout,
  Virtualizer,
} from "react-aria-components";
import { Button as AriaButton } from "react-aria-components/Button";
import { Collection } from "react-aria-components/Collection";
import type { ApiError } from "../../api/client";
import { exactly, shortly } from "../../format";
import { click } from "../../selection";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import type { SourceRow } from "./data";
import { MarkTag } from "./MarkTag";
import { type Mark, words } from "./text";
import "../../ui/Grid.css";

interface DirectoryProps {
  rows: readonly SourceRow[];
  chosen: ReadonlySet<string>;
  onChoose: (ids: ReadonlySet<string>) => void;
  onFocus: (remote: string) => void;
  pending: boolean;
  error: ApiError | null;
  onAgain: () => void;
  small: boolean;
}

interface Item {
  id: string;
  serial: number;
  row: SourceRow;
}

const LAYOUT = { rowHeight: 40, headingHeight: 32 };

/** The people that were read, to be picked by click, Ctrl, Shift and Select All; who is not readable cannot be. */
export function Directory(props: DirectoryProps) {
  const { rows, chosen, onChoose, onFocus, pending, error, onAgain, small } = props;
  const items = useMemo<Item[]>(
    () => rows.map((row, index) => ({ id: row.remote_id, serial: index + 1, row })),
    [rows],
  );
  const shown = useMemo(
    () => items.filter((item) => item.row.mark !== "unreadable").map((item) => item.id),
    [items],
  );
  const unreadable = useMemo(
    () => items.filter((item) => item.row.mark === "unreadable").map((item) => item.id),
    [items],
  );
  const keys = useMemo(
    () => new Set(items.filter((i) => chosen.has(i.id)).map((i) => i.id)),
    [items, chosen],
  );
  const anchor = useRef<string | null>(null);
  const now = useRef({ keys, shown, items, chosen });
  now.current = { keys, shown, items, chosen };

  /** What is chosen of the rows in view is replaced; what the filter hides stays. */
  const choose = useCallback(
    (ids: Iterable<string>) => {
      const inView = new Set(now.current.items.map((item) => item.id));
      onChoose(new Set([...[...now.current.chosen].filter((id) => !inView.has(id)), ...ids]));
    },
    [onChoose],
  );
  const pick = useCallback<Pick>(
    (id, modifiers) => {
      const { keys, shown } = now.current;
      const next = click({ all: false, ids: keys }, id, anchor.current, shown, modifiers);
      if (!next.all) choose(next.ids);
      if (!modifiers.shift) anchor.current = id;
    },
    [choose],
  );
  const focused = (event: FocusEvent<HTMLElement>) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[role=row][data-key]");
    if (row?.dataset.key) onFocus(row.dataset.key);
  };
  const columns = useMemo(() => columnsFor(small), [small]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only follows the focus
    <div className="source-grid" onFocus={focused}>
      <Virtualizer layout={TableLayout} layoutOptions={LAYOUT}>
        <Table
          aria-label={words.grid}
          className="grid"
          selectionMode="multiple"
          selectedKeys={keys}
          disabledKeys={unreadable}
          disabledBehavior="selection"
          onSelectionChange={(next) => choose(next === "all" ? shown : (next as Set<string>))}
        >
          <TableHeader columns={columns}>
            {(column) => (
              <Column {...column} className={`column ${column.id}`} textValue={column.label}>
                <span className="column-label">
                  {column.id === "serial" && <Box slot="selection" />}
                  <span className="cut">{column.label}</span>
                </span>
              </Column>
            )}
          </TableHeader>
          <TableBody renderEmptyState={() => <Nothing pending={pending} error={error} onAgain={onAgain} />}>
            <Collection items={items} dependencies={[columns]}>
              {(item) => (
                <Row columns={columns} className="row" textValue={item.row.name}>
                  {(column) => <Cell className={`cell ${column.id}`}>{column.cell(item, pick)}</Cell>}
                </Row>
              )}
            </Collection>
          </TableBody>
        </Table>
      </Virtualizer>
    </div>
  );
}

type Pick = (id: string, modifiers: { shift: boolean; ctrl: boolean }) => void;

interface ColumnSpec {
  id: string;
  label: string;
  width: number | `${number}fr`;
  minWidth?: number;
  isRowHeader?: boolean;
  cell: (item: Item, pick: Pick) => ReactNode;
}

const nameOf = (row: SourceRow) => row.name || words.noName(row.remote_id);
const value = (row: SourceRow, field: string) => {
  const found = (row.values as Record<string, unknown> | undefined)?.[field];
  return found === null || found === undefined ? "" : String(found);
};

function columnsFor(small: boolean): ColumnSpec[] {
  const c = words.columns;
  const all: ColumnSpec[] = [
    {
      id: "serial",
      label: c.serial,
      width: 84,
      minWidth: 56,
      cell: ({ id, serial, row }, pick) => (
        <span className="serial-cell">
          <Box slot="selection" />
          <AriaButton
            className="serial-button"
            isDisabled={row.mark === "unreadable"}
            aria-label={words.row(serial, nameOf(row))}
            onPress={(e) => pick(id, { shift: e.shiftKey, ctrl: e.ctrlKey || e.metaKey })}
          >
            {serial}
          </AriaButton>
        </span>
      ),
    },
    {
      id: "number",
      label: c.number,
      width: 108,
      minWidth: 88,
      cell: ({ row }) => <span>{value(row, "number") || text.employees.noNumber}</span>,
    },
    {
      id: "name",
      label: c.name,
      width: "1.4fr",
      minWidth: 120,
      isRowHeader: true,
      cell: ({ row }) => <span title={nameOf(row)}>{nameOf(row)}</span>,
    },
    {
      id: "title",
      label: c.title,
      width: "1.2fr",
      minWidth: 100,
      cell: ({ row }) =>
        row.mark === "unreadable" ? (
          <span className="source-reason" title={row.reason_text}>
            {row.reason_text}
          </span>
        ) : (
          <span className="muted">{value(row, "title")}</span>
        ),
    },
    {
      id: "department",
      label: c.department,
      width: "1fr",
      minWidth: 90,
      cell: ({ row }) => <span className="muted">{value(row, "department")}</span>,
    },
    {
      id: "mark",
      label: c.mark,
      width: 116,
      minWidth: 104,
      cell: ({ row }) => <MarkTag mark={row.mark as Mark} />,
    },
    {
      id: "changed",
      label: c.changed,
      width: 136,
      minWidth: 120,
      cell: ({ row }) =>
        row.updated_at ? (
          <time className="muted" dateTime={row.updated_at} title={exactly(row.updated_at)}>
            {shortly(row.updated_at)}
          </time>
        ) : null,
    },
  ];
  return small ? all.filter(({ id }) => ["serial", "name", "mark"].includes(id)) : all;
}

function Nothing({
  pending,
  error,
  onAgain,
}: {
  pending: boolean;
  error: ApiError | null;
  onAgain: () => void;
}) {
  if (error)
    return (
      <State
        alert
        icon={<ServerOff size={28} aria-hidden="true" />}
        title={text.errors.list}
        fix={text.errors.says(error)}
      >
        <Button onPress={onAgain}>{text.errors.again}</Button>
      </State>
    );
  if (pending) return <Skeleton />;
  return (
    <State icon={<SearchX size={28} aria-hidden="true" />} title={words.noMatch} fix={words.noMatchFix} />
  );
}
