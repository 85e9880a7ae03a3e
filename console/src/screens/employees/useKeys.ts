import { type KeyboardEvent, type RefObject, useCallback, useEffect, useRef } from "react";

const MOVES = new Set(["ArrowDown", "ArrowUp", "PageDown", "PageUp", " ", "Enter"]);
const PATIENCE_MS = 15_000;

interface Keys {
  grid: RefObject<HTMLElement | null>;
  ids: readonly string[];
  total: number;
  from: number;
  to: number;
  reveal: (index: number) => void;
  /** Spans to this row from where the range began. */
  extend: (id: string) => void;
}

/** Home and End over the whole list, and keys of a row that has the focus but is scrolled out of sight. */
export function useKeys(keys: Keys) {
  const now = useRef(keys);
  now.current = keys;
  const going = useRef(0);
  useEffect(() => () => cancelAnimationFrame(going.current), []);

  const goTo = useCallback((end: "first" | "last", shift: boolean) => {
    cancelAnimationFrame(going.current);
    const until = performance.now() + PATIENCE_MS;
    const step = () => {
      const { grid, ids, total, reveal, extend } = now.current;
      const index = end === "first" ? 0 : total - 1;
      reveal(index);
      const id = ids[index];
      const row = id && grid.current?.querySelector<HTMLElement>(`[role=row][data-key="${id}"]`);
      if (row) {
        row.focus({ preventScroll: true });
        if (shift) extend(id);
      } else if (performance.now() < until) going.current = requestAnimationFrame(step);
    };
    step();
  }, []);

  return useCallback(
    (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const row = target.closest<HTMLElement>("[role=row][data-key]");
      if (!row) return;
      cancelAnimationFrame(going.current);
      if (event.key === "Home" || event.key === "End") {
        event.preventDefault(); // else the browser scrolls, wherever the focus goes
        if (target !== row && !event.ctrlKey) return;
        event.stopPropagation();
        goTo(event.key === "Home" ? "first" : "last", event.shiftKey);
        return;
      }
      if (!MOVES.has(event.key)) return;
      const { ids, from, to, reveal } = now.current;
      const index = ids.indexOf(row.dataset.key ?? "");
      if (index >= 0 && (index < from || index >= to)) reveal(index);
    },
    [goTo],
  );
}
