import type { components } from "../../api/schema";
import { Box } from "../../ui/Box";
import type { Kind } from "./data";
import "./Notifications.css";

interface KindsProps {
  label: string;
  all: readonly components["schemas"]["NoticeKind"][];
  chosen: readonly Kind[];
  onChange: (kinds: Kind[]) => void;
}

/** The kinds of notices, each to be ticked, with what it means. */
export function Kinds({ label, all, chosen, onChange }: KindsProps) {
  return (
    <fieldset className="notice-kinds">
      <legend>{label}</legend>
      {all.map(({ kind, title, when }) => (
        <div key={kind}>
          <Box
            isSelected={chosen.includes(kind as Kind)}
            onChange={(ticked) =>
              onChange(ticked ? [...chosen, kind as Kind] : chosen.filter((other) => other !== kind))
            }
          >
            {title}
          </Box>
          <p className="muted">{when}</p>
        </div>
      ))}
    </fieldset>
  );
}
