import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import type { Status } from "../../api/client";
import { useCompany } from "../../company";
import { tenths } from "../../format";
import { n } from "../../text";
import type { OperationsView, Point } from "./data";
import { ago, words } from "./text";

const Sparkline = lazy(async () => ({ default: (await import("./charts")).Sparkline }));
type Course = (point: Point) => number | null;

interface TileProps {
  label: string;
  value: ReactNode;
  unit?: string;
  foot: string;
  /** Only when it is bad: the tile is tinted. */
  tone?: string | undefined;
  course?: Course;
  points: readonly Point[];
}

function Tile({ label, value, unit, foot, tone, course, points }: TileProps) {
  return (
    <>
      <span className="tile-label">{label}</span>
      <span className="tile-value">
        <strong>{value}</strong> {unit}
      </span>
      <Suspense fallback={<span className="spark" />}>
        {course ? <Sparkline values={points.map(course)} tone={tone ?? ""} /> : <span className="spark" />}
      </Suspense>
      <span className="tile-foot">{foot}</span>
    </>
  );
}

/** What matters at a glance; each leads to the list behind it. Tinted only when bad. */
export function Tiles({ view }: { view: OperationsView }) {
  const { id } = useCompany();
  const results = view.results;
  const points = results?.points ?? [];
  const counts = results?.counts ?? {};
  const total = Object.entries(counts).reduce((sum, [s, one]) => sum + (s === "excluded" ? 0 : one), 0);
  const synced = counts.synced ?? 0;
  const employees = (status?: Status) => ({
    to: "/c/$company/employees" as const,
    params: { company: id },
    search: status ? { status: [status] } : {},
  });
  const summed = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0);
  const minutes = Math.max(1, ((results?.step_seconds ?? 60) * points.length) / 60);
  const written = summed((point) => point.succeeded);
  const peak = Math.max(
    0,
    ...points.map((p) => Math.round((p.succeeded * 60) / (results?.step_seconds ?? 60))),
  );
  const count = (status: string) => (results ? n(counts[status] ?? 0) : words.none);
  const oldest = results?.oldest;
  const [age, unit] = oldest ? ago((Date.now() - Date.parse(oldest.since)) / 1_000) : [words.none, ""];
  const bad = view.connections.filter((one) => one.state !== "connected").length;
  const looked = view.freshness?.looked_at;
  const [since, sinceUnit] = looked
    ? ago(Math.max(0, (Date.now() - Date.parse(looked)) / 1_000))
    : [words.none, ""];
  const limited = view.connections.filter((one) => one.left !== null && one.left !== undefined);
  const left = limited.length > 0 ? Math.min(...limited.map((one) => one.left ?? 1)) : null;
  const ends = view.connections
    .flatMap((one) => one.lasts_until ?? [])
    .sort()
    .at(0);
  const calls = view.connections.reduce((sum, one) => sum + one.calls, 0);
  const T = words.tiles;
  return (
    <ul className="tiles" aria-label={T.label}>
      <li>
        <Link {...employees("synced")}>
          <Tile
            points={points}
            label={T.inSync}
            value={total > 0 ? tenths(Math.floor((1_000 * synced) / total) / 10) : words.none}
            unit="%"
            foot={results ? words.of(synced, total) : ""}
          />
        </Link>
      </li>
      <li className={counts.needs_action ? "loud needs_action" : ""}>
        <Link {...employees("needs_action")}>
          <Tile
            points={points}
            label={T.needsAction}
            value={count("needs_action")}
            foot={words.recently(summed((p) => p.needs_action))}
            tone={counts.needs_action ? "needs_action" : undefined}
            course={(p) => p.needs_action}
          />
        </Link>
      </li>
      <li className={counts.failed ? "tinted failed" : ""}>
        <Link {...employees("failed")}>
          <Tile
            points={points}
            label={T.failed}
            value={count("failed")}
            foot={words.recently(summed((p) => p.failed))}
            tone={counts.failed ? "failed" : undefined}
            course={(p) => p.failed}
          />
        </Link>
      </li>
      <li>
        <Link {...employees("held")}>
          <Tile
            points={points}
            label={T.held}
            value={count("held")}
            foot={words.recently(summed((p) => p.held))}
            course={(p) => p.held}
          />
        </Link>
      </li>
      <li>
        <Link
          {...(oldest
            ? { ...employees(), search: { record: oldest.record_id, view: "history" as const } }
            : employees())}
        >
          <Tile
            points={points}
            label={T.oldest}
            value={age}
            unit={unit}
            foot={oldest ? (oldest.number ?? words.waiting) : words.nothingWaits}
          />
        </Link>
      </li>
      <li>
        <Link to="/c/$company/runs" params={{ company: id }} search={{ kind: "sync" }}>
          <Tile
            points={points}
            label={T.arrive}
            value={
              results?.p95 == null
                ? words.none
                : results.p95.toLocaleString(undefined, { maximumSignificantDigits: 2 })
            }
            unit="s"
            foot={results?.median == null ? words.within : words.median(results.median)}
            course={(p) => p.p95}
          />
        </Link>
      </li>
      <li>
        <Link to="/c/$company/runs" params={{ company: id }} search={{}}>
          <Tile
            points={points}
            label={T.throughput}
            value={results ? (Math.round((10 * written) / minutes) / 10).toLocaleString() : words.none}
            unit={words.perMinute}
            foot={words.peak(peak)}
            course={(p) => p.succeeded}
          />
        </Link>
      </li>
      <li>
        <Link to="/c/$company/runs" params={{ company: id }} search={{ kind: "import" }}>
          <Tile
            points={points}
            label={T.freshness}
            value={since}
            unit={sinceUnit}
            foot={
              view.freshness?.within_seconds ? words.every(view.freshness.within_seconds) : words.webhooks
            }
          />
        </Link>
      </li>
      <li className={bad > 0 ? "tinted failed" : ""}>
        <Link to="/c/$company/connections" params={{ company: id }} search={{}}>
          <Tile
            points={points}
            label={T.connections}
            value={words.of(view.connections.length - bad, view.connections.length)}
            foot={bad > 0 ? words.notConnected(bad) : words.connected}
            tone={bad > 0 ? "failed" : undefined}
          />
        </Link>
      </li>
      <li className={ends ? "tinted needs_action" : left !== null && left < 0.1 ? "tinted failed" : ""}>
        <Link to="/c/$company/connections" params={{ company: id }} search={{}}>
          <Tile
            points={points}
            label={T.budget}
            value={left === null ? words.none : Math.floor(left * 100)}
            unit={left === null ? "" : words.left}
            foot={ends ? words.ends(ends) : left === null ? words.noLimit : words.calls(calls)}
            tone={ends ? "needs_action" : undefined}
          />
        </Link>
      </li>
    </ul>
  );
}
