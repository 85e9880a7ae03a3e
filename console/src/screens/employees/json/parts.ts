import type { components } from "../../../api/schema";
import { when } from "../../../format";
import { words } from "./text";

export type PartId = keyof typeof words.tabs;
export const PARTS = Object.keys(words.tabs) as PartId[];

/** One tab, or what a tab is compared with. */
export interface Part {
  label: string;
  /** Undefined where there is none. */
  body: unknown;
  about: string;
  missing: string;
  hidden: string[];
}

export type Exchange = components["schemas"]["RecordJson"];

interface Sides {
  source: string;
  destination: string;
}

/** What passes between the two systems for one record, by tab; `there` is the destination's record in canonical words. */
export function partsOf(found: Exchange, sides: Sides): Record<PartId | "there", Part> {
  const read = (at: string | undefined) => (at ? words.read(when(at)) : "");
  const hidden = found.hidden ?? [];
  const { source, destination, mapped, request, answer } = found;
  const part = (
    id: PartId,
    body: unknown,
    about: string,
    masked: string[],
    missing = words.none[id],
  ): Part => ({
    label: words.tabs[id],
    body: body ?? undefined,
    about,
    missing,
    hidden: masked,
  });
  return {
    source: part(
      "source",
      source.payload,
      words.about.source(sides.source) + read(source.read_at),
      source.hidden ?? [],
    ),
    staged: part("staged", found.staged, words.about.staged, hidden),
    mapped: part("mapped", mapped?.employee, words.about.mapped(mapped?.action ?? null), hidden),
    request: part("request", request?.body, request ? sentAs(request) : "", request?.hidden ?? []),
    answer: part("answer", answer?.body, "", answer?.hidden ?? []),
    destination: part(
      "destination",
      destination?.payload,
      words.about.destination(sides.destination) + read(destination?.read_at),
      destination?.hidden ?? [],
      destination ? words.payloadGone : words.none.destination,
    ),
    there: {
      label: words.there(sides.destination),
      body: destination?.employee ?? undefined,
      about: words.about.there(sides.destination),
      missing: words.none.destination,
      hidden,
    },
  };
}

function sentAs(request: NonNullable<Exchange["request"]>): string {
  return [
    words.about.request(request.method, request.path.split("?")[0] ?? ""),
    words.sent(when(request.sent_at)),
    request.members > 1 && words.members(request.members),
    request.attempts > 1 && words.attempts(request.attempts),
    words.states[request.state],
  ]
    .filter(Boolean)
    .join(" · ");
}

/** What each tab is compared with at first: what has the same form. */
export const AGAINST: Record<PartId, readonly (PartId | "there")[]> = {
  source: [],
  staged: ["mapped"],
  mapped: ["there", "staged"],
  request: ["answer"],
  answer: ["request"],
  destination: [],
};
