import { describe, expect, it } from "vitest";
import { compare, differences, linesOf, tokens } from "../src/screens/employees/json/diff";

describe("compare", () => {
  it("finds nothing in what is the same in another order", () => {
    const rows = compare({ b: 1, a: { d: [1, 2], c: null } }, { a: { c: null, d: [1, 2] }, b: 1 });
    expect(differences(rows)).toBe(0);
    expect(rows.every((row) => row.difference === undefined)).toBe(true);
  });

  it("puts a changed line beside the one it was, and a new one beside a gap", () => {
    const rows = compare({ a: 1, b: 2 }, { a: 1, b: 3, c: 4 });
    const moved = rows.filter((row) => row.difference !== undefined);
    expect(moved.map((row) => [row.left, row.right])).toEqual([
      ['  "b": 2', '  "b": 3,'],
      [undefined, '  "c": 4'],
    ]);
    expect(differences(rows)).toBe(1);
  });

  it("does not call a comma a difference, and counts each place once", () => {
    expect(differences(compare({ a: 1 }, { a: 1, z: 2 }))).toBe(1);
    expect(differences(compare({ a: 1, m: 5, z: 1 }, { a: 2, m: 5, z: 2 }))).toBe(2);
  });

  it("keeps every line of both sides, in their order", () => {
    const [left, right] = [
      { a: [1, { x: "y" }], b: "c" },
      { b: "d", q: { r: true } },
    ];
    const rows = compare(left, right);
    const of = (side: "left" | "right") => rows.map((row) => row[side]).filter((line) => line !== undefined);
    expect(of("left")).toEqual(linesOf(left, true));
    expect(of("right")).toEqual(linesOf(right, true));
  });
});

describe("tokens", () => {
  it("tells names, texts and other values apart, and loses nothing", () => {
    const line = '  "rate": -12.50, "say \\"hi\\": no": "true: 1", "on": true';
    const found = tokens(line);
    expect(found.map((one) => one.text).join("")).toBe(line);
    expect(found.filter((one) => one.kind !== "plain").map((one) => one.kind)).toEqual([
      "key",
      "value",
      "key",
      "text",
      "key",
      "value",
    ]);
  });
});
