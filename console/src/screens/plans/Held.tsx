import { OctagonPause } from "lucide-react";
import type { PlanView } from "./types";
import { words } from "./words";

/** Why a plan is held, or over without having been written. */
export function Held({ plan }: { plan: PlanView }) {
  if (plan.state === "expired" || plan.state === "cancelled")
    return (
      <div className="plan-banner quiet" role="status">
        <p>
          <strong>{plan.state === "expired" ? words.expired : words.cancelled}</strong> {words.makeNew}
        </p>
      </div>
    );
  if (plan.state !== "held") return null;
  return (
    <div className="plan-banner" role="status">
      <OctagonPause size={20} aria-hidden="true" />
      <div>
        <p>
          <strong>{words.held}</strong>
        </p>
        <ul>
          {(plan.tripped ?? []).map((one) => (
            <li key={one.brake}>{one.text}</li>
          ))}
        </ul>
        <p>{plan.kind === "rules" ? words.heldRulesFix : words.heldFix}</p>
      </div>
    </div>
  );
}
