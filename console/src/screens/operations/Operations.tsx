import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ChartColumn, Pause, Table2, TriangleAlert } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { ToggleButton } from "react-aria-components/ToggleButton";
import { ToggleButtonGroup } from "react-aria-components/ToggleButtonGroup";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import { Card } from "./Card";
import { DeadLetters } from "./DeadLetters";
import { type OperationsView, operations, type Results } from "./data";
import { RecentRuns } from "./RecentRuns";
import { SPANS, type Span } from "./search";
import { Tiles } from "./Tiles";
import { words } from "./text";
import "../../ui/Status.css";
import "./Operations.css";

const charts = () => import("./charts");
const Bars = lazy(async () => ({ default: (await charts()).Bars }));
const Lines = lazy(async () => ({ default: (await charts()).Lines }));
const PointsTable = lazy(async () => ({ default: (await charts()).PointsTable }));
const Legend = lazy(async () => ({ default: (await charts()).Legend }));

/** How the sync is doing: what is wrong first, then where it comes from. */
export function Operations() {
  const { id, view } = useCompany();
  const search = useSearch({ from: "/c/$company/operations" });
  const navigate = useNavigate({ from: "/c/$company/operations" });
  const span = search.span ?? "1h";
  const found = useQuery(operations(id, span));
  return (
    <Page
      title={words.title}
      lead={`${view.name} · ${words.lead}`}
      actions={
        <Spans
          span={span}
          onChange={(to) => void navigate({ search: (before) => ({ ...before, span: to }), replace: true })}
        />
      }
    >
      {found.isPending && <Skeleton />}
      {found.isError && !found.data && (
        <State alert title={text.errors.title} fix={(found.error as ApiError).message || text.errors.offline}>
          <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
        </State>
      )}
      {found.data && <Whole view={found.data} letter={search.letter} />}
    </Page>
  );
}

function Spans({ span, onChange }: { span: Span; onChange: (span: Span) => void }) {
  return (
    <ToggleButtonGroup
      aria-label={words.span}
      className="ops-spans"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[span]}
      onSelectionChange={([to]) => onChange(to as Span)}
    >
      {Object.entries(SPANS).map(([one, label]) => (
        <ToggleButton key={one} id={one} className="ops-span">
          {label}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

function Whole({ view, letter }: { view: OperationsView; letter: string | undefined }) {
  const { mayChange } = useCompany();
  return (
    <>
      <Banner view={view} />
      {view.unanswered.length > 0 && (
        <p className="ops-banner needs_action" role="status">
          <TriangleAlert size={16} aria-hidden="true" />
          {words.unanswered(view.unanswered)}
        </p>
      )}
      <Tiles view={view} />
      <div className="ops-grid">
        <Chart title={words.results} kind="results" results={view.results} />
        <Chart title={words.arrival} kind="seconds" results={view.results} />
        <Reasons results={view.results} />
      </div>
      <div className="ops-grid two">
        <div className="ops-column">
          {mayChange && <DeadLetters open={letter} />}
          <PausedThings view={view} />
        </div>
        <div className="ops-column">
          <RecentRuns />
          <Pipeline view={view} />
        </div>
      </div>
    </>
  );
}

/** The one thing that somebody must do, with the way there. */
function Banner({ view }: { view: OperationsView }) {
  const { id } = useCompany();
  const failed = view.results?.counts.failed ?? 0;
  const broken = view.connections.find((one) => one.state !== "connected");
  if (!failed && !broken) return null;
  return (
    <div className="ops-banner failed" role="alert">
      <TriangleAlert size={16} aria-hidden="true" />
      <p>
        {broken ? (
          <>
            <strong>{words.disconnected(broken.label)}</strong> {broken.state_text} {broken.fix}
          </>
        ) : (
          <>
            <strong>{words.problem(failed)}</strong> {words.problemFix}
          </>
        )}
      </p>
      {broken ? (
        <Link className="button small" to="/c/$company/connections" params={{ company: id }} search={{}}>
          {words.open.connections}
        </Link>
      ) : (
        <Link
          className="button small"
          to="/c/$company/employees"
          params={{ company: id }}
          search={{ status: ["failed"] }}
        >
          {words.show}
        </Link>
      )}
    </div>
  );
}

function Chart({
  title,
  kind,
  results,
}: {
  title: string;
  kind: "results" | "seconds";
  results: Results | null;
}) {
  const [asTable, setAsTable] = useState(false);
  const Drawn = kind === "results" ? Bars : Lines;
  const Icon = asTable ? ChartColumn : Table2;
  return (
    <Card
      title={title}
      actions={
        <>
          <Suspense>
            <Legend kind={kind} />
          </Suspense>
          <Button
            look="icon"
            small
            aria-label={`${title}: ${asTable ? words.asChart : words.asTable}`}
            aria-pressed={asTable}
            onPress={() => setAsTable(!asTable)}
          >
            <Icon size={16} aria-hidden="true" />
          </Button>
        </>
      }
    >
      {results === null ? (
        <p className="muted quiet">{words.unread}</p>
      ) : (
        <Suspense fallback={<div className="chart" />}>
          {asTable ? (
            <PointsTable points={results.points} kind={kind} label={title} />
          ) : (
            <>
              <Drawn points={results.points} label={title} />
              {results.points.every((one) => one.succeeded + one.failed + one.needs_action === 0) && (
                <p className="muted quiet">{words.noData}</p>
              )}
            </>
          )}
        </Suspense>
      )}
    </Card>
  );
}

function Reasons({ results }: { results: Results | null }) {
  const { id } = useCompany();
  const [asTable, setAsTable] = useState(false);
  const most = Math.max(...(results?.reasons.map((one) => one.count) ?? []), 1);
  const Icon = asTable ? ChartColumn : Table2;
  return (
    <Card
      title={words.reasons}
      actions={
        <Button
          look="icon"
          small
          aria-label={`${words.reasons}: ${asTable ? words.asChart : words.asTable}`}
          aria-pressed={asTable}
          onPress={() => setAsTable(!asTable)}
        >
          <Icon size={16} aria-hidden="true" />
        </Button>
      }
    >
      {results === null && <p className="muted quiet">{words.unread}</p>}
      {results?.reasons.length === 0 && <p className="muted quiet">{words.noReasons}</p>}
      {results && results.reasons.length > 0 && !asTable && (
        <ul className="ops-reasons">
          {results.reasons.slice(0, 6).map((one) => (
            <li key={`${one.outcome} ${one.reason}`} className={one.outcome}>
              <Link
                to="/c/$company/employees"
                params={{ company: id }}
                search={{ status: [one.outcome as "failed"] }}
                title={one.fix}
              >
                {one.text || one.reason}
              </Link>
              <strong>{n(one.count)}</strong>
              <svg viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true">
                <rect className="track" width="100" height="2" />
                <rect className={one.outcome} width={(100 * one.count) / most} height="2" />
              </svg>
            </li>
          ))}
        </ul>
      )}
      {results && results.reasons.length > 0 && asTable && (
        <table className="ops-table">
          <thead>
            <tr>
              <th scope="col">{words.reason}</th>
              <th scope="col" className="end">
                {words.count}
              </th>
            </tr>
          </thead>
          <tbody>
            {results.reasons.map((one) => (
              <tr key={`${one.outcome} ${one.reason}`}>
                <th scope="row">
                  {one.text || one.reason} <code>{one.reason}</code>
                </th>
                <td className="end">{n(one.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function PausedThings({ view }: { view: OperationsView }) {
  const { id } = useCompany();
  return (
    <Card title={words.paused} lead={words.pausedLead}>
      {view.paused.length === 0 ? (
        <p className="muted quiet">{words.nothingPaused}</p>
      ) : (
        <ul className="ops-list">
          {view.paused.map((one) => (
            <li key={`${one.kind} ${one.id}`}>
              <Pause size={14} aria-hidden="true" />
              <strong>{one.name}</strong>
              <span className="grow">{one.why}</span>
              {(one.kind === "automatic" || one.kind === "route") && (
                <Link className="button small" to="/c/$company/rules" params={{ company: id }} search={{}}>
                  {words.open.rules}
                </Link>
              )}
              {one.kind === "connection" && (
                <Link
                  className="button small"
                  to="/c/$company/connections"
                  params={{ company: id }}
                  search={{}}
                >
                  {words.open.connections}
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Pipeline({ view }: { view: OperationsView }) {
  const hops = new Map<string, { waiting: number; paused: string | null }>();
  for (const hop of view.hops) {
    const known = hops.get(hop.service) ?? { waiting: 0, paused: null };
    hops.set(hop.service, {
      waiting: known.waiting + hop.waiting,
      paused: known.paused ?? hop.paused ?? null,
    });
  }
  return (
    <Card title={words.pipeline} lead={words.pipelineLead}>
      <ul className="ops-list">
        {[...hops].map(([service, hop]) => (
          <li key={service}>
            <span className={`dotted ${hop.paused ? "failed" : hop.waiting > 0 ? "syncing" : "synced"}`}>
              {service[0]?.toUpperCase()}
              {service.slice(1)}
            </span>
            <span className="grow muted">{hop.paused}</span>
            <span className="num">{n(hop.waiting)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
