import type { ReactNode } from "react";
import { ToggleButton } from "react-aria-components/ToggleButton";
import { atLeastOf } from "../text";
import "./Chips.css";
import "./Status.css";

interface ChipProps {
  label: string;
  isSelected: boolean;
  onChange: (selected: boolean) => void;
  /** How many it would show; left out where it does not count. */
  count?: number | undefined;
  /** Whether there are more. */
  atLeast?: boolean | undefined;
  /** The status whose dot it carries. */
  status?: string;
}

/** One filter among others; put them in `Chips`. */
export function Chip({ label, isSelected, onChange, count, atLeast, status }: ChipProps) {
  return (
    <ToggleButton
      className={status ? `chip dotted ${status}` : "chip"}
      isSelected={isSelected}
      onChange={onChange}
    >
      {label}
      {count !== undefined && <span className="count">{atLeastOf(count, atLeast)}</span>}
    </ToggleButton>
  );
}

export const Chips = ({ label, children }: { label: string; children: ReactNode }) => (
  // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row everywhere
  <div className="chips" role="group" aria-label={label}>
    {children}
  </div>
);
