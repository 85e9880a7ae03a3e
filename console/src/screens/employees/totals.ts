import type { Status } from "../../api/client";
import type { Counted } from "../../api/queries";

/** How many of the counted have one of these statuses; none named means any. */
export function totalOf(counted: Counted | undefined, statuses: readonly Status[]): number {
  const shown = Object.entries(counted?.counts ?? {}) as [Status, number][];
  return shown.reduce(
    (sum, [status, n]) => (statuses.length === 0 || statuses.includes(status) ? sum + n : sum),
    0,
  );
}
