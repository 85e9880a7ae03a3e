import { expect, it } from "vitest";
import { type Part, saysOf } from "../src/screens/mapping/says";
import { partsOf } from "../src/ui/Breakable";

const part = (field: string, level: string, bits: number | null) =>
  ({ field, level, bits, text: "" }) as Part;

it("says of what is only similar that it is similar, not that it agrees", () => {
  const parts = [
    part("first_name", "equal", 9),
    part("phone", "digits", 8),
    part("last_name", "spelling", 7),
    part("birth_date", "differs", -9),
    part("number", "missing", 0),
  ];
  expect(saysOf(parts)).toEqual({
    agree: ["first_name", "phone"],
    similar: ["last_name"],
    differ: ["birth_date"],
  });
});

it("says the same for a role that does not see the weights", () => {
  const parts = [
    part("first_name", "nickname", null),
    part("email", "differs", null),
    part("number", "missing", null),
  ];
  expect(saysOf(parts)).toEqual({ agree: [], similar: ["first_name"], differ: ["email"] });
});

it("breaks an e-mail address before its signs, and nothing else", () => {
  expect(partsOf("ann.lee@a-long-name.example")).toEqual(["ann", ".lee", "@a-long-name", ".example"]);
  expect(partsOf("Mr. Lee")).toEqual(["Mr. Lee"]);
});
