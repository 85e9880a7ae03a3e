import type { CaseView } from "../../api/mapping";

/** As many as one command takes. */
export const MOST = 500;

/** Whether its first candidate may be taken together with others': free, and nothing speaks against it. */
export const isSimple = ({ first }: CaseView) =>
  !!first && !first.linked_to && (first.vetoes ?? []).length === 0;

/** The records of these cases whose first candidate may be taken and has at least this score. */
export const fromBits = (items: readonly CaseView[], bits: number): string[] =>
  items
    .filter((one) => isSimple(one) && (one.first?.bits ?? Number.NEGATIVE_INFINITY) >= bits)
    .slice(0, MOST)
    .map((one) => one.record.record_id);
