import { useSyncExternalStore } from "react";
import type { SavedView } from "../../api/client";

export type Look = Pick<SavedView, "density" | "hidden">;
export type Hideable = SavedView["hidden"][number];

/** The columns that a person may leave out. */
export const HIDEABLE: readonly Hideable[] = ["number", "reason", "synced_at"];

const KEY = "muster.look";
const PLAIN: Look = { density: "comfortable", hidden: [] };
const listeners = new Set<() => void>();

function read(): Look {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Look>;
    return {
      density: kept.density === "compact" ? "compact" : "comfortable",
      hidden: HIDEABLE.filter((column) => kept.hidden?.includes(column)),
    };
  } catch {
    return PLAIN;
  }
}
let now = read();

export function setLook(look: Partial<Look>): void {
  now = { ...now, ...look };
  try {
    localStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // Storage is switched off: it holds until the page is left.
  }
  for (const tell of listeners) tell();
}

/** How the list looks in this browser: the height of its rows, and the columns that are left out. */
export const useLook = () =>
  useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => now,
  );

/** In pixels; what has little width has the height for a reason of several lines. */
export const rowHeight = (density: Look["density"], small: boolean, medium: boolean) =>
  small ? 66 : density === "compact" ? 32 : medium ? 48 : 40;
