/** Two JSON values as lines, side by side. */

export interface Row {
  /** The line of each side; missing where the other side has more. */
  left?: string;
  right?: string;
  /** Numbers of the lines, from 1. */
  leftNo?: number;
  rightNo?: number;
  /** Which difference it belongs to, from 0; missing where both sides are the same. */
  difference?: number;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

/** The value in lines; with its members in the order of their names, so that order is no difference. */
export const linesOf = (value: unknown, inOrder = false): string[] =>
  JSON.stringify(inOrder ? sorted(value) : value, null, 2).split("\n");

/** A line without what only says that another one follows. */
const bare = (line: string) => (line.endsWith(",") ? line.slice(0, -1) : line);

/** How long the longest common part of both is, from each pair of places to their ends. */
function common(left: string[], right: string[]): Uint32Array[] {
  const found = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    const row = found[i] as Uint32Array;
    const below = found[i + 1] as Uint32Array;
    for (let j = right.length - 1; j >= 0; j--)
      row[j] =
        left[i] === right[j]
          ? (below[j + 1] as number) + 1
          : Math.max(below[j] as number, row[j + 1] as number);
  }
  return found;
}

/** The lines of both values, the same ones beside each other. */
export function compare(left: unknown, right: unknown): Row[] {
  const [lines, others] = [linesOf(left, true), linesOf(right, true)];
  const [mine, theirs] = [lines.map(bare), others.map(bare)];
  const longest = common(mine, theirs);
  const rows: Row[] = [];
  let [i, j, difference] = [0, 0, 0];
  while (i < lines.length || j < others.length) {
    if (i < lines.length && j < others.length && mine[i] === theirs[j]) {
      rows.push({ left: lines[i], right: others[j], leftNo: i + 1, rightNo: j + 1 } as Row);
      i++;
      j++;
      continue;
    }
    const [fromLeft, fromRight] = [i, j];
    while (
      (i < lines.length || j < others.length) &&
      !(i < lines.length && j < others.length && mine[i] === theirs[j])
    ) {
      const down = i < lines.length ? ((longest[i + 1] as Uint32Array)[j] as number) : -1;
      const across = j < others.length ? ((longest[i] as Uint32Array)[j + 1] as number) : -1;
      if (down >= across) i++;
      else j++;
    }
    for (let k = 0; k < Math.max(i - fromLeft, j - fromRight); k++) {
      const row: Row = { difference };
      if (fromLeft + k < i) Object.assign(row, { left: lines[fromLeft + k], leftNo: fromLeft + k + 1 });
      if (fromRight + k < j) Object.assign(row, { right: others[fromRight + k], rightNo: fromRight + k + 1 });
      rows.push(row);
    }
    difference++;
  }
  return rows;
}

export const differences = (rows: readonly Row[]) =>
  rows.reduce((most, row) => Math.max(most, (row.difference ?? -1) + 1), 0);

export interface Token {
  kind: "key" | "text" | "value" | "plain";
  text: string;
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A line in parts, to be coloured. */
export function tokens(line: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    if (match.index > at) found.push({ kind: "plain", text: line.slice(at, match.index) });
    const [whole, quoted, colon] = match;
    found.push({ kind: quoted ? (colon ? "key" : "text") : "value", text: whole });
    at = match.index + whole.length;
  }
  if (at < line.length) found.push({ kind: "plain", text: line.slice(at) });
  return found;
}
