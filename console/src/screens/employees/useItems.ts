import { type RefObject, useMemo, useRef } from "react";
import type { Item } from "./types";

/**
 * The rows that the grid holds: the window, and where they are elsewhere the row with the focus and that where a range began.
 *
 * The same object for the same row at the same place, so that only what moved is rendered again.
 */
export function useItems(
  ids: readonly string[],
  from: number,
  to: number,
  pinned: RefObject<{ focused: string | null; anchor: string | null }>,
): Item[] {
  const known = useRef(new Map<string, Item>());
  return useMemo(() => {
    const places = [pinned.current.focused, pinned.current.anchor]
      .map((id) => (id === null ? -1 : ids.indexOf(id)))
      .filter((place) => place >= 0 && (place < from || place >= to));
    const rows = Array.from({ length: Math.max(0, Math.min(to, ids.length) - from) }, (_, n) => from + n);
    const items = [...new Set([...rows, ...places])]
      .sort((one, other) => one - other)
      .map((place) => {
        const [id, serial] = [ids[place] ?? "", place + 1];
        const item = known.current.get(id);
        return item?.serial === serial ? item : { id, serial };
      });
    known.current = new Map(items.map((item) => [item.id, item]));
    return items;
  }, [ids, from, to, pinned]);
}
