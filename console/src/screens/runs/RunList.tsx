import { useInfiniteQuery } from "@tanstack/react-query";
import { Download, ListChecks, SearchX, Send, ServerOff } from "lucide-react";
import type { ReactNode } from "react";
import {
  Cell,
  Column,
  Row,
  Table,
  TableBody,
  TableHeader,
  TableLayout,
  Virtualizer,
} from "react-aria-components";
import { Collection } from "react-aria-components/Collection";
import type { ApiError, RunView } from "../../api/client";
import { useCompany } from "../../company";
import { exactly, shortly } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { Spinner, State } from "../../ui/State";
import { Who } from "../history/Who";
import { runList } from "./data";
import type { RunsSearch } from "./search";
import { isOver, partsOf, toneOf, words } from "./text";
import "../../ui/Grid.css";
import "../../ui/Status.css";

interface RunListProps {
  search: RunsSearch;
  onOpen: (run: string | undefined) => void;
  onClear: () => void;
}

const LAYOUT = { rowHeight: 40, headingHeight: 32 };

/** The runs, newest first; one is chosen with the arrow keys and Enter, or by a click. */
export function RunList({ search, onOpen, onClear }: RunListProps) {
  const { id } = useCompany();
  const found = useInfiniteQuery(runList(id, search));
  const runs = found.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = !!(search.kind || search.who || search.days || search.problems);
  return (
    <div className="panel run-list">
      <Virtualizer layout={TableLayout} layoutOptions={LAYOUT}>
        <Table
          aria-label={words.list}
          className="grid"
          selectionMode="single"
          selectedKeys={search.run ? [search.run] : []}
          onSelectionChange={(keys) => {
            const [run] = keys === "all" ? [] : keys;
            onOpen(run === undefined ? search.run : String(run));
          }}
        >
          <TableHeader columns={COLUMNS}>
            {(column) => (
              <Column {...column} className={`column ${column.id}`} textValue={column.label}>
                <span className="cut">{column.label}</span>
              </Column>
            )}
          </TableHeader>
          <TableBody
            renderEmptyState={() => (
              <Nothing
                pending={found.isPending}
                error={found.error as ApiError | null}
                filtered={filtered}
                onAgain={() => void found.refetch()}
                onClear={onClear}
              />
            )}
          >
            <Collection items={runs.map((run) => ({ id: run.run_id, run }))}>
              {(item) => (
                <Row columns={COLUMNS} className="row" textValue={words.name(item.run)}>
                  {(column) => <Cell className={`cell ${column.id}`}>{column.cell(item.run)}</Cell>}
                </Row>
              )}
            </Collection>
          </TableBody>
        </Table>
      </Virtualizer>
      {found.hasNextPage && (
        <div className="run-more">
          <Button look="text" isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
            {words.older}
          </Button>
        </div>
      )}
    </div>
  );
}

interface ColumnSpec {
  id: string;
  label: string;
  width: number | `${number}fr`;
  minWidth?: number;
  isRowHeader?: boolean;
  cell: (run: RunView) => ReactNode;
}

const COLUMNS: ColumnSpec[] = [
  {
    id: "run",
    label: words.columns.run,
    width: 144,
    minWidth: 120,
    isRowHeader: true,
    cell: (run) => (
      <span className="run-name">
        {run.kind === "sync" ? (
          <Send size={15} aria-hidden="true" />
        ) : (
          <Download size={15} aria-hidden="true" />
        )}
        {words.name(run)}
      </span>
    ),
  },
  {
    id: "who",
    label: words.columns.who,
    width: "1fr",
    minWidth: 90,
    cell: (run) => <Who actor={run.actor} />,
  },
  {
    id: "result",
    label: words.columns.result,
    width: "1.8fr",
    minWidth: 140,
    cell: (run) => <Result run={run} />,
  },
  {
    id: "started",
    label: words.columns.started,
    width: 132,
    minWidth: 110,
    cell: (run) => (
      <time dateTime={run.started_at} title={exactly(run.started_at)}>
        {shortly(run.started_at)}
      </time>
    ),
  },
  {
    id: "took",
    label: words.columns.took,
    width: 84,
    minWidth: 64,
    cell: (run) =>
      run.ended_at ? (
        <span>{words.duration(Date.parse(run.ended_at) - Date.parse(run.started_at))}</span>
      ) : null,
  },
];

/** How it went, in the words that matter first. */
function Result({ run }: { run: RunView }) {
  if (run.state === "queued") return <span className="muted">{words.queued}</span>;
  const tone = toneOf(run);
  const parts = partsOf(run).filter((part) => part.count > 0 || part.id === "succeeded");
  if (!isOver(run)) {
    const done = parts.reduce((sum, part) => sum + part.count, 0);
    const says =
      run.kind === "import"
        ? words.reading(run.counts.read ?? 0, run.counts.total ?? 0)
        : text.runs.syncing(done, run.counts.total ?? 0);
    return (
      <span className="run-now">
        <Spinner size={12} /> {says}
      </span>
    );
  }
  const loud = (id: string) =>
    id === "failed" || id === "unreadable" || (id === "succeeded" && tone === "needs_action");
  const first = [...parts].sort((a, b) => Number(loud(b.id)) - Number(loud(a.id)));
  const state = run.state === "failed" || run.state === "cancelled";
  return (
    <span className={`run-result ${tone}`}>
      {state && <strong className={run.state === "failed" ? "failed" : ""}>{STATES[run.state]}</strong>}
      {first.map((part, index) => (
        <span
          key={part.id}
          className={loud(part.id) ? `loud ${part.tone === "synced" ? tone : part.tone}` : undefined}
        >
          {(index > 0 || state) && " · "}
          {part.words}
        </span>
      ))}
      {!state && first.length === 0 && text.runs.done}
    </span>
  );
}

const STATES: Record<string, string> = { failed: "Failed", cancelled: "Cancelled" };

function Nothing(props: {
  pending: boolean;
  error: ApiError | null;
  filtered: boolean;
  onAgain: () => void;
  onClear: () => void;
}) {
  if (props.error && !props.pending)
    return (
      <State
        alert
        icon={<ServerOff size={28} aria-hidden="true" />}
        title={text.errors.list}
        fix={props.error.passing ? text.errors.offline : text.errors.message(props.error.message)}
      >
        <Button onPress={props.onAgain}>{text.errors.again}</Button>
      </State>
    );
  if (props.pending) return <Skeleton />;
  if (props.filtered)
    return (
      <State icon={<SearchX size={28} aria-hidden="true" />} title={words.noMatch} fix={words.noMatchFix}>
        <Button onPress={props.onClear}>{words.clear}</Button>
      </State>
    );
  return <State icon={<ListChecks size={28} aria-hidden="true" />} title={words.none} fix={words.noneFix} />;
}
