import { useId, useState } from "react";
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
  const id = useId();
  const limits = draft.rules.limits as Limits;
  const direct = draft.rules.direct_sync ?? 0;
  const put = (what: Partial<Limits>) =>
    onChange?.({ ...draft, rules: { ...draft.rules, limits: { ...limits, ...what } } });
  return (
    <ul className="rules-scroll switches">
      <li>
        <span className="limit">
          <label htmlFor={id}>
            <strong>{words.limits.direct[0]}</strong>
          </label>
          <NumberEntry
            id={id}
            bounds={{ min: 0, max: MOST_DIRECT, step: 1 }}
            value={direct}
            isDisabled={onChange === null}
            onChange={(count) => onChange?.({ ...draft, rules: { ...draft.rules, direct_sync: count } })}
          />
        </span>
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
                <NumberEntry
                  label={words.limits.of(words.limits[name][0])}
                  bounds={bounds}
                  value={value}
                  isDisabled={onChange === null}
                  onChange={(limit) => put({ [name]: limit })}
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

interface NumberEntryProps {
  id?: string;
  label?: string;
  bounds: { min: number; max: number; step: number };
  value: number;
  isDisabled: boolean;
  onChange: (value: number) => void;
}

/** A number that can be typed freely: what is not one within its bounds stays in the field, marked, and out of the draft. */
function NumberEntry({ id, label, bounds, value, isDisabled, onChange }: NumberEntryProps) {
  const [typed, setTyped] = useState(String(value));
  const [known, setKnown] = useState(value);
  if (value !== known) {
    setKnown(value); // changed elsewhere: discarded, or read from a file
    if (read(typed, bounds) !== value) setTyped(String(value));
  }
  const wrong = read(typed, bounds) === null;
  return (
    <>
      <input
        type="number"
        id={id}
        aria-label={label}
        aria-invalid={wrong}
        {...bounds}
        step={bounds.step === 1 ? 1 : "any"}
        value={typed}
        disabled={isDisabled}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = read(event.target.value, bounds);
          if (next !== null && next !== value) {
            setKnown(next);
            onChange(next);
          }
        }}
      />
      {wrong && (
        <span className="form-error" role="alert">
          {words.limits.wrong(bounds.min, bounds.max)}
        </span>
      )}
    </>
  );
}

function read(typed: string, { min, max, step }: NumberEntryProps["bounds"]): number | null {
  const number = Number(typed);
  const fits = typed.trim() !== "" && number >= min && number <= max;
  return fits && (step !== 1 || Number.isInteger(number)) ? number : null;
}
