import { n } from "../../text";
import { ACTIONS, type PlanAction, type PlanSearch, type PlanView } from "./types";
import { ACTION, words } from "./words";

interface TilesProps {
  plan: PlanView;
  search: PlanSearch;
  onSearch: (what: Partial<PlanSearch>) => void;
}

/** Counts by action; each filters the list. The last one says what writing it takes. */
export function Tiles({ plan, search, onSearch }: TilesProps) {
  const counts = new Map((plan.counts ?? []).map((one) => [one.action, one]));
  const all = [...counts.values()].reduce((sum, one) => sum + one.records, 0);
  const tile = (action: PlanAction | undefined, label: string, count: number) => (
    <button
      key={label}
      type="button"
      className={`plan-tile ${action ?? ""}`}
      aria-pressed={search.action === action}
      onClick={() => onSearch({ action })}
    >
      <span>{label}</span> <span className="plan-tile-count">{n(count)}</span>
    </button>
  );
  return (
    <fieldset className="plan-tiles" aria-label={words.filter}>
      {tile(undefined, words.all, all)}
      {ACTIONS.filter((one) => counts.has(one)).map((one) =>
        tile(one, ACTION[one], counts.get(one)?.records ?? 0),
      )}
      <span className="plan-cost muted">{words.cost(plan.calls ?? 0, plan.seconds ?? 0)}</span>
    </fieldset>
  );
}
