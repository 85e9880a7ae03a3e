import { expect, it } from "vitest";
import { forgetSelection, lastSelection, rememberSelection } from "../src/search";
import { EVERYTHING, NOTHING } from "../src/selection";

it("brings what was selected back to the same company's list, until it is written", () => {
  const two = { all: false, ids: new Set(["a", "b"]) } as const;
  rememberSelection("c", { q: "ann" }, two);
  expect(lastSelection("c", {})).toEqual(two);
  expect(lastSelection("other", {})).toEqual(NOTHING);
  forgetSelection();
  expect(lastSelection("c", {})).toEqual(NOTHING);
});

it("brings everything back only where the same filter says what everything is", () => {
  rememberSelection("c", { q: "ann", status: ["failed", "held"] }, EVERYTHING);
  expect(lastSelection("c", { q: "ann", status: ["held", "failed"], sort: "name" })).toEqual(EVERYTHING);
  expect(lastSelection("c", { status: ["held", "failed"] })).toEqual(NOTHING);
});
