import { n } from "../../../text";

/** What the dialog Json Script says. */
export const words = {
  tabs: {
    source: "Source",
    staged: "Staged",
    mapped: "Mapped",
    request: "Last request",
    answer: "Last answer",
    destination: "Destination",
  },
  about: {
    source: (system: string) => `The record as ${system} sent it`,
    staged: "What Muster understood and compares",
    mapped: (action: string | null) =>
      `What we would send: the record by today's rules. ${ACTIONS[action ?? ""] ?? "Nothing would be sent now."}`,
    request: (method: string, path: string) => `${method} ${path}`,
    destination: (system: string) => `The record as ${system} last answered it`,
    there: (system: string) => `${system} now, as Muster understood it`,
  },
  there: (system: string) => `${system} now (values)`,
  none: {
    source: "The source's record has not been read yet.",
    staged: "Nothing is staged.",
    mapped: "Nothing can be sent for this record: there is no active route, or it is gone.",
    request: "Nothing has been sent for this record yet.",
    answer: "Nothing has been answered for this record yet.",
    destination: "There is no record at the destination yet.",
  },
  members: (count: number) => `one of ${n(count)} in this call`,
  attempts: (count: number) => `sent ${n(count)} times`,
  sent: (when: string) => `sent ${when}`,
  states: {
    sending: "under way",
    unknown: "no answer yet: it is sent again, with the same key",
    given_up: "no answer came: whether it was carried out is not known",
  } as Record<string, string>,
  code: (code: string) => `code ${code}`,
  trace: (id: string) => `trace id ${id}`,
  answered: (system: string) => `${system} answered`,
  hiddenText: "Its own words are hidden for your role.",
  hidden: (names: string[]) =>
    `Hidden for your role, here, in the copy and in the download: ${names.join(", ")}`,
  payloadGone: "It was written by Muster and is shown here after it has been read again.",
  show: "Show differences",
  with: "Compare with",
  count: (count: number) => (count === 1 ? "1 difference" : `${n(count)} differences`),
  at: (place: number, count: number) => `Difference ${n(place)} of ${n(count)}`,
  previous: "Previous difference",
  next: "Next difference",
  only: "Only differences",
  equal: (count: number) => (count === 1 ? "1 equal line" : `${n(count)} equal lines`),
  allEqual: "Both are the same.",
  removed: "only in the one compared with",
  added: "only here",
  copy: "Copy",
  copied: "Copied",
  download: "Download",
  read: (when: string) => `, read ${when}`,
};

const ACTIONS: Record<string, string> = {
  create: "It would be created.",
  update: "It would be updated.",
  deactivate: "It would be deactivated.",
  reactivate: "It would be made active again.",
  no_change: "Nothing differs, so nothing would be sent.",
};
