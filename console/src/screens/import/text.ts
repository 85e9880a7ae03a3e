import { n } from "../../text";

export type Mark = "new" | "changed" | "staged" | "unreadable";

/** What the dialog of Import Selected says. */
export const words = {
  title: (source: string) => `Import Selected Items from Source (${source})`,
  lead: (source: string) =>
    `The live directory of ${source}. Only what you select is fetched; every other staged row stays as it is.`,
  again: "Read again",
  search: (source: string) => `Search in ${source}`,
  filter: "Filter by what an import would do",
  all: "All",
  marks: { new: "New", changed: "Changed", unreadable: "Not readable", staged: "Staged" } satisfies Record<
    Mark,
    string
  >,
  grid: "People of the source",
  columns: {
    serial: "No.",
    number: "Employee Id",
    name: "Name",
    title: "Title",
    department: "Department",
    mark: "In staging",
    changed: "Changed",
  },
  row: (serial: number, name: string) => `Select row ${serial}, ${name}`,
  noName: (remote: string) => `(record ${remote})`,
  nothing: "Nothing selected",
  selected: (count: number) => `${n(count)} selected`,
  apart: (counts: Partial<Record<Mark, number>>) =>
    (["new", "changed", "staged"] as const)
      .filter((mark) => counts[mark])
      .map((mark) => `${n(counts[mark] ?? 0)} ${words.marks[mark].toLowerCase()}`)
      .join(" · "),
  selectAll: (count: number) => `Select All ${n(count)}`,
  selectNew: (count: number) => `Select new and changed ${n(count)}`,
  clear: "Clear",
  reading: (source: string, read: number, total: number | null) =>
    total === null ? `Reading ${source}: ${n(read)} so far` : `Reading ${source}: ${n(read)} of ${n(total)}`,
  read: (source: string, read: number, total: number | null, ago: string) =>
    total === null || total <= read
      ? `${n(read)} read from ${source} ${ago}`
      : `${n(read)} of ${n(total)} read from ${source} ${ago}`,
  justNow: "just now",
  seconds: (count: number) => `${count} s ago`,
  minutes: (count: number) => `${count} min ago`,
  more: (count: number) => `Read ${n(count)} more`,
  cancel: "Cancel",
  button: "Import",
  started: (count: number) => `The import of ${n(count)} has begun.`,
  tooMany: (most: number) => `Select at most ${n(most)} at once.`,
  pick: "Choose somebody to see what the import would change.",
  would: "What the import would change in staging",
  isNew: "Not in staging yet. The import adds this record.",
  same: "Staging holds the same values.",
  readableAgain: "Staging holds an older version that could not be read. The import replaces it.",
  rest: "The rest of the record",
  whole: "The record",
  notReadable: "This record cannot be imported.",
  noMatch: "Nobody matches",
  noMatchFix: "Try another part of the name, or another filter.",
  preview: "The record that has the focus",
} as const;
