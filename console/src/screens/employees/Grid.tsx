import { useInfiniteQuery } from "@tanstack/react-query";
import { memo, useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { ApiError } from "../../api/client";
import { type Filter, list, listed } from "../../api/queries";
import { useCompany } from "../../company";
import { loadFont } from "../../font";
import type { EmployeesSearch, View } from "../../search";
import { click, fromKeys, keysOf, type Selection } from "../../selection";
import { columnsFor } from "./columns";
import { rowHeight, useLook } from "./look";
import { type Chosen, Rows } from "./Rows";
import { SelectionBar } from "./SelectionBar";
import { useItems } from "./useItems";
import { useKeys } from "./useKeys";
import { useWindow } from "./useWindow";
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
  // Rows of another list are not rendered once more on their way out.
  const shown = `${asked.current.status} ${asked.current.q}`;
  const { from, to, reveal } = useWindow(grid, shown, height, HEADING);
  const pinned = useRef<{ focused: string | null; anchor: string | null }>({ focused: null, anchor: null });
  const items = useItems(ids, from, to, pinned);
  const loaded = useMemo(() => items.map((item) => item.id), [items]);
  const keys = useMemo(() => keysOf(selection, loaded), [selection, loaded]);
  pinned.current.anchor = anchorOf(keys) ?? null;
  const anchor = useRef<string | null>(null);
  const now = useRef({ selection, ids, loaded });
  now.current = { selection, ids, loaded };
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

  const many = total > 99_999;
  const columns = useMemo(() => columnsFor(small, medium, many, hidden), [small, medium, many, hidden]);
  const { refetch } = found;
  const onAgain = useCallback(() => void refetch(), [refetch]);
  const onSort = useCallback((sort: string) => onFilter({ sort }), [onFilter]);
  const onClear = useCallback(() => onFilter({ status: undefined, q: undefined }), [onFilter]);
  const onKeys = useCallback(
    (keys: "all" | Set<string>) => {
      const { selection, ids, loaded } = now.current;
      onSelect(fromKeys(selection, keys, loaded, ids));
    },
    [onSelect],
  );

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
        onShowAll={onClear}
      />
      <Rows
        key={shown}
        grid={grid}
        items={items}
        total={total}
        rowHeight={height}
        headingHeight={HEADING}
        columns={columns}
        filter={asked.current}
        sort={sort}
        keys={keys}
        chosen={chosenOf(selection)}
        pending={found.isPending}
        error={found.error as ApiError | null}
        small={small}
        pick={pick}
        mark={mark}
        onKeys={onKeys}
        onSelect={onSelect}
        onSort={onSort}
        onAgain={onAgain}
        onClear={onClear}
        onOpen={onOpen}
      />
    </div>
  );
});

const anchorOf = (keys: "all" | Set<string>) =>
  keys === "all" ? null : (keys as Set<string> & { anchorKey?: string | null }).anchorKey;

function chosenOf(selection: Selection): Chosen {
  if (selection.all) return selection.except.size === 0 ? "all" : "some";
  return selection.ids.size > 0 ? "some" : "none";
}
