import type { RecordView } from "../../api/client";

const SITUATIONS: readonly (string | null)[] = ["disputed", "unlinked"];
/** Reasons of records that match nobody, which a person may link all the same. */
const BY_LINKING: readonly string[] = [
  "creation_off",
  "duplicate_name",
  "duplicate_number",
  "duplicate_email",
];

/** Whether a person must decide who this is at the destination. */
export const isCase = (row: Pick<RecordView, "status" | "destination_record_id" | "situation" | "reason">) =>
  row.status === "needs_action" &&
  row.destination_record_id === null &&
  (SITUATIONS.includes(row.situation) || BY_LINKING.includes(row.reason));
