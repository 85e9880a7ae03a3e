import { expect, it } from "vitest";
import { stateOf } from "../src/screens/plans/words";

it("never says Written alone of a plan that failed for somebody", () => {
  expect(stateOf({ state: "done", outcomes: { succeeded: 3 } })).toEqual(["Written", "synced"]);
  expect(stateOf({ state: "done", outcomes: { succeeded: 3, failed: 1 } })).toEqual([
    "Written in part",
    "failed",
  ]);
  expect(stateOf({ state: "done", outcomes: { failed: 1 } })).toEqual(["Not written", "failed"]);
  expect(stateOf({ state: "applying", outcomes: { failed: 1 } })).toEqual(["Being written", "syncing"]);
});
