import type { ReactElement, ReactNode } from "react";
import { Tooltip as AriaTooltip, OverlayArrow, TooltipTrigger } from "react-aria-components/Tooltip";
import "./Tooltip.css";

/** Says more about `children`, which can be focused, on hover and on keyboard focus. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactElement }) {
  return (
    <TooltipTrigger delay={250} closeDelay={80}>
      {children}
      <AriaTooltip className="tooltip" offset={8}>
        <OverlayArrow className="arrow">
          <svg width={10} height={5} viewBox="0 0 10 5" aria-hidden="true">
            <path d="M0 0 L5 5 L10 0" />
          </svg>
        </OverlayArrow>
        {text}
      </AriaTooltip>
    </TooltipTrigger>
  );
}
