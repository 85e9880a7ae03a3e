import { type RefObject, useCallback, useEffect, useState } from "react";
import { flushSync } from "react-dom";

/** Rows by which the part of the list that the grid holds moves. */
const STEP = 20;

interface Window {
  from: number;
  to: number;
}

const TOP: Window = { from: 0, to: 3 * STEP };

/** Which rows the grid holds: those in view and a page before and after, whatever the length of the list; of another `list` the first. */
export function useWindow(
  grid: RefObject<HTMLElement | null>,
  list: string,
  rowHeight: number,
  heading: number,
) {
  const [known, setKnown] = useState(list);
  const [{ from, to }, setWindow] = useState(TOP);
  if (list !== known) {
    setKnown(list);
    setWindow(TOP);
  }
  const measure = useCallback(() => {
    const { scrollTop = 0, clientHeight = 0 } = grid.current ?? {};
    const first = Math.floor(scrollTop / rowHeight / STEP) * STEP;
    const page = Math.ceil(clientHeight / rowHeight / STEP) * STEP;
    const next = { from: Math.max(0, first - page), to: first + 2 * page + STEP };
    setWindow((now) => (now.from === next.from && now.to === next.to ? now : next));
  }, [grid, rowHeight]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list is in another element
  useEffect(() => {
    const element = grid.current;
    if (!element) return;
    measure();
    const sizes = new ResizeObserver(measure);
    sizes.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, [grid, list, measure]);

  /** Scrolls so that this row is in view, and has it rendered. */
  const reveal = useCallback(
    (index: number) => {
      const element = grid.current;
      if (!element) return;
      const top = index * rowHeight;
      const height = element.clientHeight - heading;
      if (top < element.scrollTop || top + rowHeight > element.scrollTop + height)
        element.scrollTop = Math.max(0, top - Math.floor(height / 2));
      flushSync(measure);
    },
    [grid, rowHeight, heading, measure],
  );
  return { from, to, reveal };
}
