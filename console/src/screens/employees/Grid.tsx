import { useInfiniteQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Inbox, SearchX, ServerOff } from "lucide-react";
import {
  type HTMLAttributes,
  memo,
  type Ref,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import {
  Cell,
  Column,
  Row,
  type SortDescriptor,
  Table,
  TableBody,
  TableHeader,
  Virtualizer,
} from "react-aria-components";
import { Collection } from "react-aria-components/Collection";
import type { ApiError } from "../../api/client";
import { type Filter, list, listed } from "../../api/queries";
import { useCompany } from "../../company";
import { loadFont } from "../../font";
import type { EmployeesSearch, View } from "../../search";
import { click, EVERYTHING, fromKeys, keysOf, NOTHING, type Selection } from "../../selection";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import { columnsFor } from "./columns";
import { rowHeight, useLook } from "./look";
import { SelectionBar } from "./SelectionBar";
import { useItems } from "./useItems";
import { useKeys } from "./useKeys";
import { useWindow } from "./useWindow";
import { WindowLayout } from "./WindowLayout";
import "../../ui/Grid.css";
import "./Employees.css";

interface GridProps {
  filter: Filter;
  sort: string;
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onFilter: (what: Partial<EmployeesSearch>) => void;
  onOpen: (record: string, view: View) => void;
}

/** What fits into the height that browsers give an element; more is found by a filter. */
const MOST_ROWS = 250_000;
const NARROW = window.matchMedia("(max-width: 640px)");
const MEDIUM = window.matchMedia("(max-width: 1500px)");
const useMedia = (media: MediaQueryList) =>
  useSyncExternalStore(
    (tell) => {
      media.addEventListener("change", tell);
      return () => media.removeEventListener("change", tell);
    },
    () => media.matches,
  );

const HEADING = 32;

export const Grid = memo(function Grid({ filter, sort, selection, onSelect, onFilter, onOpen }: GridProps) {
  const company = useCompany();
  const small = useMedia(NARROW);
  const medium = useMedia(MEDIUM);
  const { density, hidden } = useLook();
  const found = useInfiniteQuery(list(company.id, company.rows, filter, sort));
  const asked = useRef(filter); // what the rows in view were listed by: until new ones come, it is not the filter
  if (!found.isPlaceholderData) asked.current = filter;
  const pages = found.data?.pages;
  const { ids, total } = useMemo(() => listed(pages), [pages]);
  const grid = useRef<HTMLDivElement>(null);
  const height = rowHeight(density, small, medium);
  const { from, to, reveal } = useWindow(grid, height, HEADING);
  const pinned = useRef<{ focused: string | null; anchor: string | null }>({ focused: null, anchor: null });
  const items = useItems(ids, from, to, pinned);
  const loaded = useMemo(() => items.map((item) => item.id), [items]);
  const keys = useMemo(() => keysOf(selection, loaded), [selection, loaded]);
  pinned.current.anchor = anchorOf(keys) ?? null;
  const anchor = useRef<string | null>(null);
  const now = useRef({ selection, ids });
  now.current = { selection, ids };
  useEffect(() => {
    if (found.data) loadFont();
  }, [found.data]);

  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = found;
  useEffect(() => {
    // The ids of what comes next, before it is in view.
    if (to > ids.length && hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [to, ids.length, hasNextPage, isFetchingNextPage, isError, fetchNextPage]);

  const pick = useCallback(
    (id: string, modifiers: { shift: boolean; ctrl: boolean }) => {
      const { selection, ids } = now.current;
      onSelect(click(selection, id, anchor.current, ids, modifiers));
      if (!modifiers.shift) anchor.current = id;
    },
    [onSelect],
  );
  const extend = useCallback(
    (id: string) => {
      anchor.current = pinned.current.anchor ?? anchor.current ?? pinned.current.focused;
      pick(id, { shift: true, ctrl: true });
    },
    [pick],
  );
  const onKeyDownCapture = useKeys({ grid, ids, total, from, to, reveal, extend });

  const mark = useCallback((id: string) => {
    anchor.current = id;
  }, []);

  const descriptor: SortDescriptor = {
    column: sort.replace(/^-/, ""),
    direction: sort.startsWith("-") ? "descending" : "ascending",
  };
  const layout = useMemo(
    () => ({ rowHeight: height, headingHeight: HEADING, total: Math.min(total, MOST_ROWS) }),
    [height, total],
  );
  const many = total > 99_999;
  const columns = useMemo(() => columnsFor(small, medium, many, hidden), [small, medium, many, hidden]);
  const chosen = chosenOf(selection);

  return (
    <div
      className="panel employees-list"
      id="list"
      data-busy={found.isPlaceholderData || undefined}
      data-density={density}
      onFocusCapture={({ target }) => {
        pinned.current.focused = target.closest<HTMLElement>("[role=row]")?.dataset.key ?? null;
      }}
      onKeyDownCapture={onKeyDownCapture}
    >
      <SelectionBar
        filter={filter}
        sort={sort}
        selection={selection}
        onSelect={onSelect}
        onFilter={onFilter}
        onShowAll={() => onFilter({ status: undefined, q: undefined })}
      />
      <Virtualizer layout={WindowLayout} layoutOptions={layout}>
        <Table
          ref={grid as Ref<HTMLTableElement & HTMLDivElement>}
          aria-label={text.employees.grid}
          className="grid"
          render={(props) => placed(props, { "aria-rowcount": total + 1 })}
          selectionMode="multiple"
          selectedKeys={keys}
          onSelectionChange={(keys) =>
            onSelect(fromKeys(selection, keys as "all" | Set<string>, loaded, ids))
          }
          sortDescriptor={descriptor}
          onSortChange={({ column, direction }) =>
            onFilter({ sort: `${direction === "descending" ? "-" : ""}${String(column)}` })
          }
        >
          <TableHeader columns={columns} dependencies={[chosen]}>
            {(column) => (
              <Column {...column} className={`column ${column.id}`} textValue={column.label}>
                {({ allowsSorting, sortDirection }) => (
                  <span className="column-label">
                    {column.id === "serial" && <EveryBox chosen={chosen} onSelect={onSelect} />}
                    <span className="cut">{column.label}</span>
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
            <Collection items={items} dependencies={[columns, asked.current.status]}>
              {(item) => (
                <Row
                  columns={columns}
                  className="row"
                  render={(props) => placed(props, { "aria-rowindex": item.serial + 1 })}
                >
                  {(column) => (
                    <Cell className={`cell ${column.id}`}>
                      {column.cell({ ...item, filter: asked.current, pick, mark, onOpen, small })}
                    </Cell>
                  )}
                </Row>
              )}
            </Collection>
          </TableBody>
        </Table>
      </Virtualizer>
    </div>
  );
});

/** An element of the grid with its place in, or the length of, the whole list, which the grid itself does not know. */
const placed = (props: object, place: HTMLAttributes<HTMLDivElement>) => <div {...props} {...place} />;

const anchorOf = (keys: "all" | Set<string>) =>
  keys === "all" ? null : (keys as Set<string> & { anchorKey?: string | null }).anchorKey;

type Chosen = "all" | "some" | "none";

function chosenOf(selection: Selection): Chosen {
  if (selection.all) return selection.except.size === 0 ? "all" : "some";
  return selection.ids.size > 0 ? "some" : "none";
}

/** Everything that matches, also what is not loaded. */
function EveryBox({ chosen, onSelect }: { chosen: Chosen; onSelect: GridProps["onSelect"] }) {
  const all = chosen === "all";
  return (
    <Box
      slot={null}
      aria-label={text.selection.every}
      isSelected={all}
      isIndeterminate={chosen === "some"}
      onChange={() => onSelect(all ? NOTHING : EVERYTHING)}
    />
  );
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
  if (pending) return <Skeleton />;
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
