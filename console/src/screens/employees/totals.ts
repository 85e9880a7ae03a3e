import type { Status } from "../../api/client";

/** How many of the counted have one of these statuses; none named means any. */
export function totalOf(
  counts: Partial<Record<Status, number>> | undefined,
  statuses: readonly Status[],
): number {
  const shown = Object.entries(counts ?? {}) as [Status, number][];
  return shown.reduce(
    (sum, [status, n]) => (statuses.length === 0 || statuses.includes(status) ? sum + n : sum),
    0,
  );
}
