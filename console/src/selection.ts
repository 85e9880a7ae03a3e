/**
 * What is selected: some rows by id, or everything that matches the filter except some.
 *
 * "Everything" is the server's to know: most of it was never loaded here.
 */
export type Selection =
  | { readonly all: false; readonly ids: ReadonlySet<string> }
  | { readonly all: true; readonly except: ReadonlySet<string> };

export const NOTHING: Selection = { all: false, ids: new Set() };
export const EVERYTHING: Selection = { all: true, except: new Set() };

export function isSelected(selection: Selection, id: string): boolean {
  return selection.all ? !selection.except.has(id) : selection.ids.has(id);
}

/** How many, where `total` match the filter. */
export function count(selection: Selection, total: number): number {
  return selection.all ? Math.max(0, total - selection.except.size) : selection.ids.size;
}

/** What the grid shows as selected, of the rows that are loaded. */
export function keysOf(selection: Selection, loaded: readonly string[]): "all" | Set<string> {
  if (!selection.all) return selection.ids as Set<string>;
  if (selection.except.size === 0) return "all";
  return new Set(loaded.filter((id) => !selection.except.has(id)));
}

/**
 * The selection after the grid said `keys`.
 *
 * The grid knows loaded rows only: taking one away from "all" it names all loaded others, which here means "all but that one".
 */
export function fromKeys(
  before: Selection,
  keys: "all" | ReadonlySet<string>,
  loaded: readonly string[],
): Selection {
  if (keys === "all") return EVERYTHING;
  if (!before.all || keys.size === 0 || loaded.length === 0) return { all: false, ids: keys };
  // From "all", the grid begins a new selection with one row; everything else it names is what stays of the loaded rows.
  if (keys.size === 1 && loaded.length > 2) return { all: false, ids: keys };
  const out = loaded.filter((id) => !keys.has(id));
  const others = [...before.except].filter((id) => !loaded.includes(id));
  return { all: true, except: new Set([...others, ...out]) };
}

/** A click on a serial number: alone it selects that row only, Ctrl or Cmd adds or takes away, Shift spans from `anchor`. */
export function click(
  before: Selection,
  id: string,
  anchor: string | null,
  loaded: readonly string[],
  keys: { shift: boolean; ctrl: boolean },
): Selection {
  const from = anchor === null ? -1 : loaded.indexOf(anchor);
  if (keys.shift && from >= 0) {
    const to = loaded.indexOf(id);
    const span = loaded.slice(Math.min(from, to), Math.max(from, to) + 1);
    if (before.all) return { all: true, except: without(before.except, span) };
    return { all: false, ids: new Set(keys.ctrl ? [...before.ids, ...span] : span) };
  }
  if (!keys.ctrl) return { all: false, ids: new Set([id]) };
  if (before.all) return { all: true, except: toggled(before.except, id) };
  return { all: false, ids: toggled(before.ids, id) };
}

function toggled(ids: ReadonlySet<string>, id: string): Set<string> {
  return ids.has(id) ? without(ids, [id]) : new Set([...ids, id]);
}

function without(ids: ReadonlySet<string>, gone: readonly string[]): Set<string> {
  const left = new Set(ids);
  for (const id of gone) left.delete(id);
  return left;
}
