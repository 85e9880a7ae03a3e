import type { CandidateView } from "../../api/mapping";

export type Part = NonNullable<CandidateView["parts"]>[number];

/** Levels at which both sides hold the same. */
const SAME: readonly string[] = ["equal", "digits"];

/** The fields that are the same, those that are only similar, and those that speak against the pair. */
export function saysOf(parts: readonly Part[]): { agree: string[]; similar: string[]; differ: string[] } {
  const named = (wanted: (part: Part) => boolean) => parts.filter(wanted).map((part) => part.field);
  return {
    agree: named((part) => signOf(part) > 0 && SAME.includes(part.level)),
    similar: named((part) => signOf(part) > 0 && !SAME.includes(part.level)),
    differ: named((part) => signOf(part) < 0),
  };
}

function signOf({ bits, level }: Part): number {
  if (bits !== null && bits !== undefined) return Math.sign(bits);
  return level === "differs" ? -1 : level === "missing" ? 0 : 1;
}
