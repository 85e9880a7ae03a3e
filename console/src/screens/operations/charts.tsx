import { atMinute, shortly } from "../../format";
import { n } from "../../text";
import type { Point } from "./data";
import { words } from "./text";

const [WIDTH, HEIGHT] = [360, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 4, 10, 24];
const INNER = { width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };

/** A round number that is not smaller: 1, 2 or 5 times a power of ten. */
export function ceiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((one) => one * power >= value) ?? 10) * power;
}

/** Runs of neighbouring values; a missing value is a gap, never a zero. */
export function pieces(values: readonly (number | null)[]): (readonly [number, number])[][] {
  const found: [number, number][][] = [];
  let open: [number, number][] | null = null;
  values.forEach((value, index) => {
    if (value === null) {
      open = null;
      return;
    }
    if (open === null) {
      open = [];
      found.push(open);
    }
    open.push([index, value]);
  });
  return found;
}

const path = (piece: readonly (readonly [number, number])[]) =>
  piece.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** The course of one number, beside the number itself: it says nothing that the words do not. */
export function Sparkline({ values, tone }: { values: readonly (number | null)[]; tone: string }) {
  const most = Math.max(...values.map((one) => one ?? 0), 1);
  const [x, y] = [
    (index: number) => (index / Math.max(1, values.length - 1)) * 116 + 2,
    (v: number) => 26 - (v / most) * 24,
  ];
  return (
    <svg className={`spark ${tone}`} viewBox="0 0 120 28" preserveAspectRatio="none" aria-hidden="true">
      {pieces(values).map((piece) => (
        <path key={piece[0]?.[0]} d={path(piece.map(([i, v]) => [x(i), y(v)] as const))} />
      ))}
    </svg>
  );
}

interface Series {
  name: string;
  tone: string;
  of: (point: Point) => number | null;
}
const RESULTS: readonly Series[] = [
  { name: words.synced, tone: "synced", of: (point) => point.succeeded },
  { name: words.needs, tone: "needs_action", of: (point) => point.needs_action },
  { name: words.failedWord, tone: "failed", of: (point) => point.failed },
];
const SECONDS: readonly Series[] = [
  { name: words.medianWord, tone: "syncing", of: (point) => point.median },
  { name: words.p95Word, tone: "needs_action", of: (point) => point.p95 },
];

export type Kind = "results" | "seconds";
const SERIES: Record<Kind, readonly Series[]> = { results: RESULTS, seconds: SECONDS };

export const Legend = ({ kind }: { kind: Kind }) => (
  <span className="legend">
    {SERIES[kind].map((one) => (
      <span key={one.name} className={`dotted ${one.tone}`}>
        {one.name}
      </span>
    ))}
  </span>
);

function Axes({ points, most }: { points: readonly Point[]; most: number }) {
  const every = Math.max(1, Math.ceil(points.length / 4));
  return (
    <g className="axes">
      {[0, 0.5, 1].map((share) => {
        const y = TOP + INNER.height * (1 - share);
        return (
          <g key={share}>
            <line x1={LEFT} x2={WIDTH - RIGHT} y1={y} y2={y} className={share === 0 ? "base" : ""} />
            <text x={LEFT - 8} y={y + 4} textAnchor="end">
              {n(most * share)}
            </text>
          </g>
        );
      })}
      {points.map(
        (point, index) =>
          index % every === Math.floor(every / 2) && (
            <text key={point.at} x={middle(index, points.length)} y={HEIGHT - 6} textAnchor="middle">
              {atMinute(point.at)}
            </text>
          ),
      )}
    </g>
  );
}

/** A missing value is not a zero. */
const numberOr = (value: number | null) => (value === null ? words.none : n(value));

const middle = (index: number, length: number) => LEFT + ((index + 0.5) / length) * INNER.width;

/** What became of pushes, step by step; the highest of the stacked counts sets the scale. */
export function Bars({ points, label }: { points: readonly Point[]; label: string }) {
  const sums = points.map((point) => RESULTS.reduce((sum, one) => sum + (one.of(point) ?? 0), 0));
  const most = ceiling(Math.max(...sums, 2));
  const width = Math.max(1, (INNER.width / points.length) * 0.74);
  return (
    <svg className="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <Axes points={points} most={most} />
      {points.map((point, index) => {
        let below = TOP + INNER.height;
        return (
          <g key={point.at}>
            <title>{`${shortly(point.at)}: ${RESULTS.map((one) => `${one.of(point)} ${one.name}`).join(", ")}`}</title>
            {RESULTS.map((one) => {
              const height = ((one.of(point) ?? 0) / most) * INNER.height;
              below -= height;
              return (
                height > 0 && (
                  <rect
                    key={one.name}
                    className={one.tone}
                    x={middle(index, points.length) - width / 2}
                    y={below}
                    width={width}
                    height={height}
                  />
                )
              );
            })}
          </g>
        );
      })}
    </svg>
  );
}

/** The seconds that pushes took, step by step. */
export function Lines({ points, label }: { points: readonly Point[]; label: string }) {
  const most = ceiling(Math.max(...points.map((point) => point.p95 ?? 0), 2));
  return (
    <svg className="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <Axes points={points} most={most} />
      {SECONDS.map((one) =>
        pieces(points.map(one.of)).map((piece) => {
          const drawn = piece.map(
            ([i, v]) => [middle(i, points.length), TOP + INNER.height * (1 - v / most)] as const,
          );
          const [alone] = drawn;
          return drawn.length === 1 && alone ? (
            <circle key={`${one.name} ${alone[0]}`} className={one.tone} cx={alone[0]} cy={alone[1]} r="3" />
          ) : (
            <path key={`${one.name} ${drawn[0]?.[0]}`} className={`line ${one.tone}`} d={path(drawn)} />
          );
        }),
      )}
    </svg>
  );
}

/** The same as numbers; steps without a push are left out. */
export function PointsTable({
  points,
  kind,
  label,
}: {
  points: readonly Point[];
  kind: Kind;
  label: string;
}) {
  const series = SERIES[kind];
  const told = points.filter((point) => series.some((one) => (one.of(point) ?? 0) > 0)).reverse();
  if (told.length === 0) return <p className="muted quiet">{words.noData}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="chart-table" tabIndex={0} aria-label={label}>
      <table className="ops-table">
        <thead>
          <tr>
            <th scope="col">{words.time}</th>
            {series.map((one) => (
              <th key={one.name} scope="col" className="end">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {told.map((point) => (
            <tr key={point.at}>
              <th scope="row">{shortly(point.at)}</th>
              {series.map((one) => (
                <td key={one.name} className="end">
                  {numberOr(one.of(point))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
