import { expect, test } from "vitest";
import type { CaseView } from "../src/api/mapping";
import { fromBits, MOST } from "../src/screens/mapping/bulk";

const at = (record_id: string, bits: number, more: object = {}) =>
  ({ record: { record_id }, first: { bits, vetoes: [], linked_to: null, ...more } }) as unknown as CaseView;

test("cases from a score on are selected, the bound included", () => {
  expect(fromBits([at("a", 9.9), at("b", 10), at("c", 12)], 10)).toEqual(["b", "c"]);
});

test("what is linked, or has something against it, or no candidate at all is decided one by one", () => {
  const none = { record: { record_id: "d" }, first: null } as unknown as CaseView;
  const items = [at("a", 12, { linked_to: "x" }), at("b", 12, { vetoes: ["twins"] }), none, at("e", 12)];
  expect(fromBits(items, 0)).toEqual(["e"]);
});

test("no more are selected than one command takes", () => {
  expect(
    fromBits(
      Array.from({ length: MOST + 1 }, (_, n) => at(`${n}`, 10)),
      0,
    ),
  ).toHaveLength(MOST);
});
