import { Box } from "../../ui/Box";
import type { Draft } from "./data";
import { words } from "./text";

type Limits = NonNullable<Draft["rules"]["limits"]>;
type Counted = Exclude<keyof Limits, "first_sync">;

const COUNTED: readonly { name: Counted; usual: number; min: number; max: number; step: number }[] = [
  { name: "changed", usual: 50, min: 0, max: 100_000, step: 1 },
  { name: "changed_percent", usual: 25, min: 0, max: 100, step: 1 },
  { name: "deactivated", usual: 5, min: 0, max: 100_000, step: 1 },
  { name: "pay_factor", usual: 2, min: 1.1, max: 100, step: 0.1 },
];
const MOST_DIRECT = 10;

interface LimitsProps {
  draft: Draft;
  onChange: ((draft: Draft) => void) | null;
}

/** What holds a plan until a person releases it, and how much may be synced without looking at a plan. */
export function LimitsTab({ draft, onChange }: LimitsProps) {
  const limits = draft.rules.limits as Limits;
  const direct = draft.rules.direct_sync ?? 0;
  const put = (what: Partial<Limits>) =>
    onChange?.({ ...draft, rules: { ...draft.rules, limits: { ...limits, ...what } } });
  return (
    <ul className="rules-scroll switches">
      <li>
        <label className="limit">
          <strong>{words.limits.direct[0]}</strong>
          <input
            type="number"
            min={0}
            max={MOST_DIRECT}
            value={direct}
            disabled={onChange === null}
            onChange={(e) => {
              const count = Math.round(Number(e.target.value));
              if (count >= 0 && count <= MOST_DIRECT)
                onChange?.({ ...draft, rules: { ...draft.rules, direct_sync: count } });
            }}
          />
        </label>
        <p className="muted">{words.limits.direct[1]}</p>
      </li>
      <li>
        <Box
          isSelected={limits.first_sync ?? false}
          isDisabled={onChange === null}
          onChange={(first_sync) => put({ first_sync })}
        >
          <strong>{words.limits.first_sync[0]}</strong>
        </Box>
        <p className="muted">{words.limits.first_sync[1]}</p>
      </li>
      {COUNTED.map(({ name, usual, ...bounds }) => {
        const value = limits[name];
        const on = value !== null && value !== undefined;
        return (
          <li key={name}>
            <span className="limit">
              <Box
                isSelected={on}
                isDisabled={onChange === null}
                onChange={(limited) => put({ [name]: limited ? usual : null })}
              >
                <strong>{words.limits[name][0]}</strong>
              </Box>
              {on && (
                <input
                  type="number"
                  aria-label={words.limits.of(words.limits[name][0])}
                  {...bounds}
                  value={value}
                  disabled={onChange === null}
                  onChange={(e) => {
                    const limit = Number(e.target.value);
                    if (e.target.value !== "" && limit >= bounds.min && limit <= bounds.max)
                      put({ [name]: limit });
                  }}
                />
              )}
            </span>
            <p className="muted">{words.limits[name][1]}</p>
          </li>
        );
      })}
    </ul>
  );
}
