import { text } from "../../text";
import { line } from "../employees/csv";
import { type HistoryEntry, type HistoryFilter, historyPage } from "./data";
import { titleOf, words } from "./text";

export const MOST = 20_000;
const PAGE = 500;
const plain = (value: unknown) =>
  value === null || value === undefined
    ? ""
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);

/** One line a field that moved; one where none did. */
export function linesOf(entry: HistoryEntry, side: string, who: string): string {
  const failed = [...(entry.attempts ?? [])].reverse().find((one) => one.answer)?.answer;
  const about = (field: string, before: string, after: string) =>
    line([
      entry.at,
      entry.record_name ?? "",
      titleOf(entry, side),
      field,
      before,
      after,
      who,
      entry.reason_text ?? "",
      words.status(entry),
      failed?.code || (failed ? String(failed.status) : ""),
      failed?.trace_id ?? "",
      entry.run_id ?? "",
    ]);
  const changes = Object.entries(entry.changes ?? {});
  const hidden = (entry.hidden ?? []).map((field) =>
    about(text.history.field(field), text.history.hidden, text.history.hidden),
  );
  const lines = changes.map(([field, { before, after }]) =>
    about(text.history.field(field), plain(before), plain(after)),
  );
  return lines.length + hidden.length > 0 ? [...lines, ...hidden].join("") : about("", "", "");
}

/** Everything that matches, up to a limit, newest first; whether that was all. */
export async function everything(
  company: string,
  record: string | undefined,
  filter: HistoryFilter,
): Promise<{ entries: HistoryEntry[]; all: boolean }> {
  const entries: HistoryEntry[] = [];
  let after: string | null = null;
  do {
    const page: { items: HistoryEntry[]; next: string | null } = await historyPage(
      company,
      record,
      filter,
      after,
      PAGE,
    );
    entries.push(...page.items);
    after = page.next;
  } while (after !== null && entries.length < MOST);
  return { entries, all: after === null };
}

export function save(parts: string[], type: string, name: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
