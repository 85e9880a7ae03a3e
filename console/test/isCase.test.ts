import { expect, it } from "vitest";
import { isCase } from "../src/screens/employees/isCase";

const row = { status: "needs_action", destination_record_id: null, situation: "unmatched" } as const;

it("is a case where somebody must say who it is, or may link it", () => {
  expect(isCase({ ...row, situation: "disputed", reason: "several_matches" })).toBe(true);
  expect(isCase({ ...row, situation: "unlinked", reason: "confirm_match" })).toBe(true);
  expect(isCase({ ...row, reason: "duplicate_name" })).toBe(true);
});

it("is none where only the record can be corrected", () => {
  expect(isCase({ ...row, reason: "missing_name" })).toBe(false);
  expect(isCase({ ...row, situation: "deleted", reason: "deleted_at_source" })).toBe(false);
});

it("is none of a record that is linked or needs nobody", () => {
  expect(isCase({ ...row, destination_record_id: "x", situation: "disputed", reason: "contradiction" })).toBe(
    false,
  );
  expect(isCase({ ...row, status: "needs_sync", situation: "disputed", reason: "contradiction" })).toBe(
    false,
  );
});
