import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Inbox, SearchX, ServerOff } from "lucide-react";
import { memo, type ReactNode, useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import {
  Cell,
  Column,
  Row,
  type SortDescriptor,
  Table,
  TableBody,
  TableHeader,
  TableLayout,
  TableLoadMoreItem,
  Virtualizer,
} from "react-aria-components";
import { Collection } from "react-aria-components/Collection";
import type { ApiError } from "../../api/client";
import { type Filter, list } from "../../api/queries";
import { useCompany } from "../../company";
import { loadFont } from "../../font";
import type { EmployeesSearch } from "../../router";
import { click, fromKeys, keysOf, type Selection } from "../../selection";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Spinner, State } from "../../ui/State";
import { ActionsCell, NameCell, NumberCell, SelectAllBox, SerialCell, StatusCell, SyncedCell } from "./cells";

interface GridProps {
  filter: Filter;
  sort: string;
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onFilter: (what: Partial<EmployeesSearch>) => void;
  onOpen: (record: string, view: "history" | "json") => void;
}

interface Item {
  id: string;
  serial: number;
}

const narrow = window.matchMedia("(max-width: 760px)");
const useNarrow = () =>
  useSyncExternalStore(
    (tell) => {
      narrow.addEventListener("change", tell);
      return () => narrow.removeEventListener("change", tell);
    },
    () => narrow.matches,
  );

/** The same object for the same row at the same place, so that only what moved is rendered again. */
function useItems(pages: readonly { ids: string[] }[] | undefined): Item[] {
  const known = useRef(new Map<string, Item>());
  return useMemo(() => {
    const ids = [...new Set(pages?.flatMap((page) => page.ids) ?? [])];
    const before = known.current;
    const items = ids.map((id, index) => {
      const item = before.get(id);
      return item?.serial === index + 1 ? item : { id, serial: index + 1 };
    });
    known.current = new Map(items.map((item) => [item.id, item]));
    return items;
  }, [pages]);
}

export const Grid = memo(function Grid({ filter, sort, selection, onSelect, onFilter, onOpen }: GridProps) {
  const company = useCompany();
  const small = useNarrow();
  const found = useInfiniteQuery(list(company.id, company.rows, filter, sort));
  const items = useItems(found.data?.pages);
  useEffect(() => {
    if (found.data) loadFont();
  }, [found.data]);
  const ids = useMemo(() => items.map((item) => item.id), [items]);
  const keys = useMemo(() => keysOf(selection, ids), [selection, ids]);
  const anchor = useRef<string | null>(null);
  const now = useRef({ selection, ids });
  now.current = { selection, ids };

  const pick = useCallback(
    (id: string, modifiers: { shift: boolean; ctrl: boolean }) => {
      const { selection, ids } = now.current;
      onSelect(click(selection, id, anchor.current, ids, modifiers));
      if (!modifiers.shift) anchor.current = id;
    },
    [onSelect],
  );

  const descriptor: SortDescriptor = {
    column: sort.replace(/^-/, ""),
    direction: sort.startsWith("-") ? "descending" : "ascending",
  };
  const layout = useMemo(
    () => ({ rowHeight: small ? 56 : 40, headingHeight: 38, loaderHeight: 40 }),
    [small],
  );
  const columns = useMemo(() => columnsFor(small), [small]);

  return (
    <div className="panel" id="list" data-busy={found.isPlaceholderData || undefined}>
      <Virtualizer layout={TableLayout} layoutOptions={layout}>
        <Table
          aria-label={text.employees.grid}
          className="grid"
          selectionMode="multiple"
          selectedKeys={keys}
          onSelectionChange={(keys) => onSelect(fromKeys(selection, keys as "all" | Set<string>, ids))}
          sortDescriptor={descriptor}
          onSortChange={({ column, direction }) =>
            onFilter({ sort: `${direction === "descending" ? "-" : ""}${String(column)}` })
          }
        >
          <TableHeader columns={columns}>
            {(column) => (
              <Column {...column} className={`column ${column.id}`} textValue={column.label}>
                {({ allowsSorting, sortDirection }) => (
                  <span className="column-label">
                    {column.id === "serial" && <SelectAllBox />}
                    <span>{column.label}</span>
                    {allowsSorting && sortDirection === "ascending" && (
                      <ArrowUp size={13} aria-hidden="true" />
                    )}
                    {allowsSorting && sortDirection === "descending" && (
                      <ArrowDown size={13} aria-hidden="true" />
                    )}
                  </span>
                )}
              </Column>
            )}
          </TableHeader>
          <TableBody
            renderEmptyState={() => (
              <Nothing
                pending={found.isPending}
                error={found.error as ApiError | null}
                filtered={filter.status.length > 0 || filter.q !== ""}
                onAgain={() => void found.refetch()}
                onClear={() => onFilter({ status: undefined, q: undefined })}
              />
            )}
          >
            <Collection items={items} dependencies={[columns, filter.status]}>
              {(item) => (
                <Row columns={columns} className="row">
                  {(column) => (
                    <Cell className={`cell ${column.id}`}>
                      {column.cell({ ...item, filter, pick, onOpen, small })}
                    </Cell>
                  )}
                </Row>
              )}
            </Collection>
            <TableLoadMoreItem
              className="more"
              isLoading={found.isFetchingNextPage}
              onLoadMore={() => {
                if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage();
              }}
              scrollOffset={3}
            >
              <Spinner /> {text.employees.loadingMore}
            </TableLoadMoreItem>
          </TableBody>
        </Table>
      </Virtualizer>
    </div>
  );
});

export interface CellProps extends Item {
  filter: Filter;
  small: boolean;
  pick: (id: string, modifiers: { shift: boolean; ctrl: boolean }) => void;
  onOpen: (record: string, view: "history" | "json") => void;
}

interface ColumnSpec {
  id: string;
  label: string;
  width: number | `${number}fr`;
  minWidth?: number;
  allowsSorting?: boolean;
  isRowHeader?: boolean;
  cell: (props: CellProps) => ReactNode;
}

function columnsFor(small: boolean): ColumnSpec[] {
  const c = text.employees.columns;
  const serial: ColumnSpec = {
    id: "serial",
    label: c.serial,
    width: small ? 64 : 94,
    minWidth: 64,
    cell: (p) => <SerialCell {...p} />,
  };
  const name: ColumnSpec = {
    id: "name",
    label: small ? c.nameShort : c.name,
    width: "2fr",
    minWidth: small ? 100 : 232,
    allowsSorting: true,
    isRowHeader: true,
    cell: (p) => <NameCell {...p} />,
  };
  const status: ColumnSpec = {
    id: "status",
    label: c.status,
    width: small ? 112 : "3.4fr",
    minWidth: small ? 112 : 240,
    allowsSorting: true,
    cell: (p) => <StatusCell {...p} />,
  };
  const actions: ColumnSpec = {
    id: "actions",
    label: c.actions,
    width: small ? 42 : 96,
    minWidth: 42, // else it is 75
    cell: (p) => <ActionsCell {...p} />,
  };
  if (small) return [serial, name, status, actions];
  const number: ColumnSpec = {
    id: "number",
    label: c.number,
    width: 128,
    allowsSorting: true,
    cell: (p) => <NumberCell {...p} />,
  };
  const synced: ColumnSpec = {
    id: "synced_at",
    label: c.synced,
    width: 184,
    allowsSorting: true,
    cell: (p) => <SyncedCell {...p} />,
  };
  return [serial, number, name, status, synced, actions];
}

interface NothingProps {
  pending: boolean;
  error: ApiError | null;
  filtered: boolean;
  onAgain: () => void;
  onClear: () => void;
}

/** Instead of rows: being loaded, not to be had, nothing that matches, or nothing yet. */
function Nothing({ pending, error, filtered, onAgain, onClear }: NothingProps) {
  const { route } = useCompany();
  if (error && !pending)
    return (
      <State
        alert
        icon={<ServerOff size={28} aria-hidden="true" />}
        title={text.errors.list}
        fix={error.passing ? text.errors.offline : text.errors.message(error.message)}
      >
        <Button onPress={onAgain}>{text.errors.again}</Button>
      </State>
    );
  if (pending)
    return (
      <div className="skeleton" aria-hidden="true">
        {Array.from({ length: 12 }, (_, row) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
          <div key={row} className="skeleton-row" />
        ))}
      </div>
    );
  if (filtered)
    return (
      <State
        icon={<SearchX size={28} aria-hidden="true" />}
        title={text.empty.noMatch}
        fix={text.empty.noMatchFix}
      >
        <Button onPress={onClear}>{text.empty.clearFilters}</Button>
      </State>
    );
  return (
    <State
      icon={<Inbox size={28} aria-hidden="true" />}
      title={text.empty.title}
      fix={text.empty.fix(route?.sourceLong ?? "")}
    />
  );
}
