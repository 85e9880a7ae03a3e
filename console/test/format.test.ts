import { afterEach, describe, expect, it } from "vitest";
import { setFormats, sinceOf } from "../src/format";

const zone = (time_zone: string) => setFormats({ time_zone, language: "en" });
afterEach(() => zone(""));

describe("the beginning of a day some days ago", () => {
  const now = Date.parse("2026-11-29T06:30:00Z");

  it("is midnight of the chosen time zone", () => {
    zone("UTC");
    expect(sinceOf("1", now)).toBe("2026-11-29T00:00:00.000Z");
    zone("America/Los_Angeles");
    expect(sinceOf("1", now)).toBe("2026-11-28T08:00:00.000Z");
    zone("Asia/Kolkata");
    expect(sinceOf("7", now)).toBe("2026-11-22T18:30:00.000Z");
  });

  it("is midnight still where clocks were changed in between", () => {
    zone("America/Los_Angeles");
    expect(sinceOf("30", now)).toBe("2026-10-30T07:00:00.000Z");
    expect(sinceOf("1", Date.parse("2026-03-08T20:00:00Z"))).toBe("2026-03-08T08:00:00.000Z");
    zone("Pacific/Auckland");
    expect(sinceOf("1", Date.parse("2026-09-27T11:00:00Z"))).toBe("2026-09-27T11:00:00.000Z");
    expect(sinceOf("1", Date.parse("2026-09-27T10:00:00Z"))).toBe("2026-09-26T12:00:00.000Z");
  });
});
