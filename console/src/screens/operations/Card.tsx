import type { ReactNode } from "react";
import { n } from "../../text";

/** One part of the page: a heading, what may be done with all of it, and the part itself. */
export function Card({
  title,
  lead,
  actions,
  count,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  count?: number;
  children: ReactNode;
}) {
  return (
    <section className="card ops-card" aria-label={title}>
      <header className="ops-card-head">
        <h2>{title}</h2>
        {count !== undefined && count > 0 && <span className="tag failed">{n(count)}</span>}
        {lead && <span className="muted">{lead}</span>}
        <span className="bar-space" />
        {actions}
      </header>
      {children}
    </section>
  );
}
