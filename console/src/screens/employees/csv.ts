import type { RecordView } from "../../api/client";
import { api, ok } from "../../api/client";
import { type Filter, PAGE, wanted } from "../../api/queries";
import { STATUS, text } from "../../text";

/** A cell as RFC 4180 has it. A spreadsheet runs what begins with one of =, +, - and @, so such a text gets a ' before it. */
export function cell(value: string | null | undefined): string {
  const safe = /^[=+\-@\t\r]/.test(value ?? "") ? `'${value}` : (value ?? "");
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const COLUMNS: readonly (readonly [string, (row: RecordView) => string | null | undefined])[] = [
  [text.employees.columns.number, (row) => row.number],
  [text.history.field("first_name"), (row) => row.first_name],
  [text.history.field("last_name"), (row) => row.last_name],
  [text.history.field("email"), (row) => row.email],
  [text.employees.columns.status, (row) => STATUS[row.status]],
  [text.employees.columns.reason, (row) => row.reason_text],
  [text.employees.columns.synced, (row) => row.synced_at],
  [text.csv.sourceId, (row) => row.remote_id],
  [text.csv.destinationId, (row) => row.destination_remote_id],
];

export const line = (cells: readonly (string | null | undefined)[]) => `${cells.map(cell).join(",")}\r\n`;

/** Everything that matches, read page by page, as a CSV file. Returns how many records it holds. */
export async function exportCsv(company: string, filter: Filter, sort: string): Promise<number> {
  const parts = ["\ufeff", line(COLUMNS.map(([name]) => name))];
  let after: string | null = null;
  let count = 0;
  do {
    const query = { ...wanted(filter), sort, limit: PAGE, ...(after !== null && { after }) };
    const page: { items: RecordView[]; next: string | null } = await ok(
      api.GET("/v1/companies/{company}/records", { params: { path: { company }, query } }),
    );
    for (const row of page.items) parts.push(line(COLUMNS.map(([, value]) => value(row))));
    count += page.items.length;
    after = page.next;
  } while (after !== null);
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: url, download: "employees.csv" }).click();
  URL.revokeObjectURL(url);
  return count;
}
