import { ArrowRight } from "lucide-react";
import type { PlanRecord } from "./types";
import { words } from "./words";

type Change = NonNullable<PlanRecord["fields"]>[string];

const shown = (value: unknown) => {
  if (value === null || value === undefined) return null;
  return typeof value === "boolean" ? words.active(value) : String(value);
};

/** One field before and after; of a new record only what it gets. A value that goes is called cleared. */
export function Changed({ change, created }: { change: Change; created: boolean }) {
  const before = shown(change.before);
  const after = shown(change.after);
  return (
    <span className="plan-change">
      {!created && (
        <>
          {before === null ? <em>{words.empty}</em> : <del>{before}</del>}
          <ArrowRight size={12} aria-label="→" />
        </>
      )}
      {after === null ? <strong className="plan-cleared">{words.cleared}</strong> : <ins>{after}</ins>}
    </span>
  );
}
