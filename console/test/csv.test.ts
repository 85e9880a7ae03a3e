import { expect, test } from "vitest";
import { line } from "../src/screens/employees/csv";

test("a cell with a comma, a quote or a line break is quoted", () => {
  expect(line(["a,b", 'say "no"', "x\ny", null, "plain"])).toBe('"a,b","say ""no""","x\ny",,plain\r\n');
});

test("nothing that a spreadsheet would run as a formula is written", () => {
  expect(line(["=1+1", "+44", "-x", "@x", "a=b"])).toBe("'=1+1,'+44,'-x,'@x,a=b\r\n");
});
