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

/** Keys as the grid gives them: with the row that a range began at, and the one it goes to. */
interface Keys extends ReadonlySet<string> {
  anchorKey?: string | null;
  currentKey?: string | null;
}

/** `keys` with the whole of a range that Shift and an arrow moved: the grid knows only its rows near the view. */
function spanned(before: Keys, keys: Keys, order: readonly string[]): ReadonlySet<string> {
  const { anchorKey, currentKey } = keys;
  if (!anchorKey || !currentKey || anchorKey !== before.anchorKey || currentKey === before.currentKey)
    return keys;
  const from = order.indexOf(anchorKey);
  const [was, to] = [order.indexOf(before.currentKey ?? anchorKey), order.indexOf(currentKey)];
  if (from < 0 || was < 0 || to < 0) return keys;
  const set = keys as Set<string>; // made by the grid for this call; it keeps the range's two ends
  for (const id of between(order, from, was)) set.delete(id);
  for (const id of between(order, from, to)) set.add(id);
  return set;
}

const between = (order: readonly string[], one: number, other: number) =>
  order.slice(Math.min(one, other), Math.max(one, other) + 1);

/**
 * The selection after the grid said `keys`.
 *
 * The grid knows `loaded` rows only, of the known `order`: taking one away from "all" it names all loaded others, which here means "all but that one".
 */
export function fromKeys(
  before: Selection,
  keys: "all" | ReadonlySet<string>,
  loaded: readonly string[],
  order: readonly string[] = loaded,
): Selection {
  if (keys === "all") return EVERYTHING;
  if (!before.all) return { all: false, ids: spanned(before.ids, keys, order) };
  if (keys.size === 0 || loaded.length === 0) return { all: false, ids: keys };
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
    const span = between(loaded, from, to);
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
