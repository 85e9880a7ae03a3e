import { Check, Minus } from "lucide-react";
import type { ReactNode } from "react";
import { Checkbox, type CheckboxProps } from "react-aria-components/Checkbox";
import "./Box.css";

interface BoxProps extends Omit<CheckboxProps, "className" | "children"> {
  children?: ReactNode;
}

/** A tick box, with its words beside it; without words it needs an `aria-label`, or a grid's slot. */
export const Box = ({ children, ...props }: BoxProps) => (
  <Checkbox {...props} className="checkbox">
    {({ isIndeterminate, isSelected }) => (
      <>
        <span className="box">
          {isIndeterminate ? (
            <Minus size={12} strokeWidth={3} aria-hidden="true" />
          ) : (
            isSelected && <Check size={12} strokeWidth={3} aria-hidden="true" />
          )}
        </span>
        {children}
      </>
    )}
  </Checkbox>
);
