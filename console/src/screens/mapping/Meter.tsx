import { words } from "./text";
import "./Meter.css";

/** The scale of all scores, in bits. */
const [LOW, HIGH] = [-7, 24];
const place = (bits: number) => `${((Math.min(HIGH, Math.max(LOW, bits)) - LOW) / (HIGH - LOW)) * 100}%`;

export const signed = (bits: number) =>
  `${bits > 0 ? "+" : bits < 0 ? "−" : ""}${Math.abs(bits).toFixed(1).replace(/\.0$/, "")}`;
export const plain = (bits: number) => signed(bits).replace("+", "");

interface MeterProps {
  bits: number | null | undefined;
  /** From which score on a pair may link by itself; the mark. */
  link?: number | null | undefined;
}

/** How well a candidate fits, beside the mark from which on two records link by themselves. */
export function Meter({ bits, link }: MeterProps) {
  if (bits === null || bits === undefined) return null;
  const low = link !== null && link !== undefined && bits < link;
  return (
    <span className="meter">
      <svg width="100%" height="8" aria-hidden="true">
        <rect width="100%" height="8" rx="4" className="meter-track" />
        <rect width={place(bits)} height="8" rx="4" className={low ? "meter-fill low" : "meter-fill"} />
        {link !== null && link !== undefined && (
          <rect x={place(link)} width="2" height="8" className="meter-mark" />
        )}
      </svg>
      <b className="num" title={words.score(plain(bits))}>
        {plain(bits)}
      </b>
    </span>
  );
}

/** What one field adds or takes away, from a middle line; also its number. */
export function Weight({ bits }: { bits: number | null | undefined }) {
  if (bits === null || bits === undefined) return null;
  const width = (Math.min(12, Math.abs(bits)) / 12) * 50;
  return (
    <span className="weight">
      <svg width="100%" height="8" aria-hidden="true">
        <line x1="50%" x2="50%" y1="0" y2="8" className="weight-line" />
        {bits !== 0 && (
          <rect
            x={bits > 0 ? "50%" : `${50 - width}%`}
            width={`${width}%`}
            height="8"
            rx="2"
            className={bits > 0 ? "for" : "against"}
          />
        )}
      </svg>
      <b className="num">{signed(bits)}</b>
    </span>
  );
}
