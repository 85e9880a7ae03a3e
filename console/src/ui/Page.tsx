import { ArrowRight } from "lucide-react";
import type { ReactNode } from "react";
import { useCompany } from "../company";
import { text } from "../text";
import "./Page.css";

interface PageProps {
  title: string;
  /** One line under the title. */
  lead?: ReactNode;
  /** Buttons at the right of the title; one of them may be primary. */
  actions?: ReactNode;
  /** Whether what scrolls is inside, as a grid does; else the page itself scrolls. */
  fill?: boolean;
  children: ReactNode;
}

/** The frame of every screen: title, lead, buttons, then the content. */
export function Page({ title, lead, actions, fill = false, children }: PageProps) {
  return (
    <div className={fill ? "page fill" : "page"}>
      <title>{text.title(title)}</title>
      <div className="page-head">
        <div className="page-titles">
          <h1>{title}</h1>
          {lead && <div className="page-lead">{lead}</div>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** From which system to which, for the lead of a page. */
export function Direction() {
  const { route } = useCompany();
  if (!route) return null;
  return (
    <span className="direction">
      {route.sourceLong}
      <ArrowRight size={14} aria-label="→" />
      {route.destinationLong}
    </span>
  );
}
