import { describe, expect, it } from "vitest";
import {
  click,
  count,
  EVERYTHING,
  fromKeys,
  isSelected,
  keysOf,
  NOTHING,
  type Selection,
} from "../src/selection";

const LOADED = ["a", "b", "c", "d", "e"];
const some = (...ids: string[]): Selection => ({ all: false, ids: new Set(ids) });
const but = (...ids: string[]): Selection => ({ all: true, except: new Set(ids) });
const plain = { shift: false, ctrl: false };

describe("a click on a serial number", () => {
  const cases: [string, Selection, string, string | null, { shift: boolean; ctrl: boolean }, Selection][] = [
    ["selects that row only", some("a", "b"), "c", "a", plain, some("c")],
    ["after everything selects that row only", EVERYTHING, "c", null, plain, some("c")],
    ["with Ctrl adds", some("a"), "c", "a", { shift: false, ctrl: true }, some("a", "c")],
    ["with Ctrl takes away", some("a", "c"), "c", "a", { shift: false, ctrl: true }, some("a")],
    ["with Ctrl takes one from everything", EVERYTHING, "c", "a", { shift: false, ctrl: true }, but("c")],
    ["with Ctrl gives it back to everything", but("c"), "c", "a", { shift: false, ctrl: true }, but()],
    [
      "with Shift spans from the last one",
      some("b"),
      "d",
      "b",
      { shift: true, ctrl: false },
      some("b", "c", "d"),
    ],
    ["with Shift spans upwards", some("d"), "b", "d", { shift: true, ctrl: false }, some("b", "c", "d")],
    [
      "with Ctrl and Shift adds the span",
      some("a", "c"),
      "e",
      "d",
      { shift: true, ctrl: true },
      some("a", "c", "d", "e"),
    ],
    [
      "with Shift and no row before it selects it",
      NOTHING,
      "c",
      null,
      { shift: true, ctrl: false },
      some("c"),
    ],
    [
      "with Shift from a row that is gone selects it",
      NOTHING,
      "c",
      "x",
      { shift: true, ctrl: false },
      some("c"),
    ],
  ];
  it.each(cases)("%s", (_, before, id, anchor, keys, after) => {
    expect(click(before, id, anchor, LOADED, keys)).toEqual(after);
  });
});

describe("what the grid says", () => {
  it("keeps everything as everything, however much is loaded", () => {
    expect(fromKeys(NOTHING, "all", LOADED)).toEqual(EVERYTHING);
    expect(count(EVERYTHING, 20_000)).toBe(20_000);
  });

  it("reads one row taken from all loaded ones as all but that one, not as the loaded others", () => {
    const after = fromKeys(EVERYTHING, new Set(["a", "b", "d", "e"]), LOADED);
    expect(after).toEqual(but("c"));
    expect(count(after, 20_000)).toBe(19_999);
  });

  it("remembers what was taken away and is not loaded now", () => {
    expect(fromKeys(but("z"), new Set(["a", "b", "c", "d"]), LOADED)).toEqual(but("z", "e"));
  });

  it("clears, and begins again with one row", () => {
    expect(fromKeys(EVERYTHING, new Set(), LOADED)).toEqual(NOTHING);
    expect(fromKeys(EVERYTHING, new Set(["b"]), LOADED)).toEqual(some("b"));
  });

  it("is shown what is selected of the loaded rows", () => {
    expect(keysOf(EVERYTHING, LOADED)).toBe("all");
    expect(keysOf(but("c", "z"), LOADED)).toEqual(new Set(["a", "b", "d", "e"]));
    expect(keysOf(some("a"), LOADED)).toEqual(new Set(["a"]));
    expect(isSelected(but("c"), "c")).toBe(false);
    expect(isSelected(but("c"), "z")).toBe(true);
  });
});

describe("a range that Shift and an arrow move", () => {
  const order = Array.from({ length: 1_000 }, (_, n) => `r${n}`);
  const keys = (ids: string[], anchorKey: string, currentKey: string) =>
    Object.assign(new Set(ids), { anchorKey, currentKey });

  it("holds also the rows between that the grid does not have", () => {
    const before: Selection = { all: false, ids: keys(["r1"], "r1", "r1") };
    const after = fromKeys(before, keys(["r1", "r900"], "r1", "r900"), ["r1", "r900"], order);
    expect(count(after, 1_000)).toBe(900);
  });

  it("gives back the rows that it no longer spans", () => {
    const before: Selection = { all: false, ids: keys(order.slice(1, 901), "r1", "r900") };
    const after = fromKeys(before, keys(["r1", "r2"], "r1", "r2"), ["r1", "r2"], order);
    expect(after).toEqual({ all: false, ids: new Set(["r1", "r2"]) });
  });

  it("is not meant by a row that is taken away", () => {
    const before: Selection = { all: false, ids: keys(["r1", "r2", "r3"], "r1", "r3") };
    const after = fromKeys(before, keys(["r1", "r3"], "r1", "r3"), order, order);
    expect(after).toEqual({ all: false, ids: new Set(["r1", "r3"]) });
  });
});
