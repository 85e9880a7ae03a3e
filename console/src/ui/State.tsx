import type { ReactNode } from "react";
import "./State.css";

/** What stands where there is nothing to show: what is the case, and what to do. */
export function State(props: {
  icon?: ReactNode;
  title: string;
  fix?: string;
  children?: ReactNode;
  alert?: boolean;
}) {
  return (
    <div className="state" role={props.alert ? "alert" : undefined}>
      {props.icon && <div className="state-icon">{props.icon}</div>}
      <p className="state-title">{props.title}</p>
      {props.fix && <p className="state-fix">{props.fix}</p>}
      {props.children && <div className="state-actions">{props.children}</div>}
    </div>
  );
}

export const Spinner = ({ size = 14 }: { size?: number }) => (
  <svg className="spinner" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
    <circle cx="8" cy="8" r="6.5" fill="none" strokeWidth="2" />
    <path d="M8 1.5a6.5 6.5 0 0 1 6.5 6.5" fill="none" strokeWidth="2" strokeLinecap="round" />
  </svg>
);
