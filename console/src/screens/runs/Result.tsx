import type { Part } from "./text";
import "../../ui/Status.css";

export const summed = (parts: readonly Part[]) => parts.reduce((sum, part) => sum + part.count, 0);

/** How a run's records divide; what is still to come stays empty. The words stand beside it. */
export function Bar({ parts, total, label }: { parts: readonly Part[]; total: number; label: string }) {
  const whole = Math.max(total, summed(parts), 1);
  return (
    <span
      className="run-bar"
      role="img"
      aria-label={`${label}: ${parts.map((part) => part.words).join(", ")}`}
    >
      {parts
        .filter((part) => part.count > 0)
        .map((part) => (
          <i key={part.id} className={part.tone ?? "held"} style={{ flexGrow: part.count }} />
        ))}
      {whole > summed(parts) && <i className="rest" style={{ flexGrow: whole - summed(parts) }} />}
    </span>
  );
}
