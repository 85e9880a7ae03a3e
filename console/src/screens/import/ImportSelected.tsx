import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Download, RefreshCw } from "lucide-react";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { type ApiError, api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { Chip, Chips } from "../../ui/Chip";
import { Dialog } from "../../ui/Dialog";
import { notice } from "../../ui/Notice";
import { Search } from "../../ui/Search";
import { Spinner } from "../../ui/State";
import { watchRun } from "../employees/watched";
import { Directory } from "./Directory";
import { countMarks, MOST, type SourceRow, useDirectory } from "./data";
import { TONE } from "./MarkTag";
import { Preview } from "./Preview";
import { type Mark, words } from "./text";
import "./ImportSelected.css";

const MARKS: readonly Mark[] = ["new", "changed", "unreadable", "staged"];
const narrow = window.matchMedia("(max-width: 900px)");
const useNarrow = () =>
  useSyncExternalStore(
    (tell) => {
      narrow.addEventListener("change", tell);
      return () => narrow.removeEventListener("change", tell);
    },
    () => narrow.matches,
  );

/** The live directory of the source: pick who is imported, and see what that would change. */
export default function ImportSelected({ onClose }: { onClose: () => void }) {
  const { id: company, route } = useCompany();
  const source = route?.source ?? "";
  const small = useNarrow();
  const client = useQueryClient();
  const [q, setQ] = useState("");
  const [mark, setMark] = useState<Mark | null>(null);
  const [focus, setFocus] = useState<string | null>(null);
  const directory = useDirectory(company, q);
  const { rows } = directory;
  const selection = useChosen(rows);
  const shown = useMemo(() => (mark ? rows.filter((row) => row.mark === mark) : rows), [rows, mark]);
  const key = useRef(newKey());

  const begin = useMutation({
    mutationFn: (ids: string[]) =>
      ok(
        api.POST("/v1/companies/{company}/imports", {
          params: { path: { company }, header: { "Idempotency-Key": key.current } },
          body: { mode: "selected", remote_ids: ids },
        }),
      ),
    onSuccess: ({ run_id: run }) => {
      void client.invalidateQueries({ queryKey: ["runs", company] });
      watchRun(company, run);
      notice.good(words.started(selection.chosen.size));
      onClose();
    },
    onError: (error: ApiError) => {
      key.current = newKey();
      notice.bad(text.errors.says(error));
    },
  });
  const count = selection.chosen.size;

  return (
    <Dialog
      size="wide"
      title={words.title(source)}
      subtitle={words.lead(source)}
      onClose={onClose}
      actions={
        <Button small isDisabled={directory.isReading} onPress={directory.readAgain}>
          <RefreshCw size={14} aria-hidden="true" />
          {words.again}
        </Button>
      }
      footer={
        <>
          <ReadState source={source} directory={directory} />
          <span className="bar-space" />
          {!small && <Button onPress={onClose}>{words.cancel}</Button>}
          <Button
            look="primary"
            isDisabled={count === 0 || count > MOST}
            isPending={begin.isPending}
            onPress={() => begin.mutate([...selection.chosen])}
          >
            {begin.isPending ? <Spinner /> : <Download size={16} aria-hidden="true" />}
            {words.button}
            <span className="button-count">{count > 0 ? n(count) : ""}</span>
          </Button>
        </>
      }
    >
      <div className="source">
        <div className="source-list">
          <div className="source-tools">
            <Search inDialog label={words.search(source)} value={q} onSearch={setQ} />
            <MarkChips rows={rows} mark={mark} onMark={setMark} />
          </div>
          <SelectionLine rows={shown} selection={selection} />
          <Directory
            rows={shown}
            chosen={selection.chosen}
            onChoose={selection.choose}
            onFocus={setFocus}
            pending={directory.found.isPending || (directory.isReading && shown.length === 0)}
            error={rows.length === 0 ? (directory.found.error as ApiError | null) : null}
            onAgain={directory.readAgain}
            small={small}
          />
        </div>
        {!small && <Preview row={rows.find((row) => row.remote_id === focus)} hidden={directory.hidden} />}
      </div>
    </Dialog>
  );
}

/** Who is chosen; it stays over filters, searches and reading again, with what was last read of each. */
function useChosen(rows: readonly SourceRow[]) {
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  const known = useRef(new Map<string, SourceRow>());
  for (const row of rows) known.current.set(row.remote_id, row);
  const counts = countMarks([...chosen].flatMap((id) => known.current.get(id) ?? []));
  return { chosen, choose, counts };
}

function SelectionLine({
  rows,
  selection,
}: {
  rows: readonly SourceRow[];
  selection: ReturnType<typeof useChosen>;
}) {
  const { chosen, choose, counts } = selection;
  const readable = rows.filter((row) => row.mark !== "unreadable").map((row) => row.remote_id);
  const moved = rows
    .filter((row) => row.mark === "new" || row.mark === "changed")
    .map((row) => row.remote_id);
  const add = (ids: string[]) => choose(new Set([...chosen, ...ids]));
  return (
    <div className={chosen.size > 0 ? "selection-bar on" : "selection-bar"}>
      <span role="status">
        {chosen.size > 0 ? <strong>{words.selected(chosen.size)}</strong> : words.nothing}{" "}
        <span className="muted">{words.apart(counts)}</span>
      </span>
      {readable.length > 0 && (
        <Button look="text" onPress={() => add(readable)}>
          {words.selectAll(readable.length)}
        </Button>
      )}
      {moved.length > 0 && (
        <Button look="text" onPress={() => add(moved)}>
          {words.selectNew(moved.length)}
        </Button>
      )}
      {chosen.size > 0 && (
        <Button look="text" onPress={() => choose(new Set())}>
          {words.clear}
        </Button>
      )}
      {chosen.size > MOST && <span className="bad">{words.tooMany(MOST)}</span>}
    </div>
  );
}

function MarkChips({
  rows,
  mark,
  onMark,
}: {
  rows: readonly SourceRow[];
  mark: Mark | null;
  onMark: (mark: Mark | null) => void;
}) {
  const counts = countMarks(rows);
  return (
    <Chips label={words.filter}>
      <Chip label={words.all} count={rows.length} isSelected={mark === null} onChange={() => onMark(null)} />
      {MARKS.map((one) => (
        <Chip
          key={one}
          label={words.marks[one]}
          count={counts[one]}
          status={TONE[one]}
          isSelected={mark === one}
          onChange={(selected) => onMark(selected ? one : null)}
        />
      ))}
    </Chips>
  );
}

function ReadState({ source, directory }: { source: string; directory: ReturnType<typeof useDirectory> }) {
  const { rows, total, readAt, isReading, more, found } = directory;
  const ago = useAgo(readAt);
  const error = found.error as ApiError | null;
  if (error && rows.length > 0)
    return (
      <>
        <span className="bad" role="alert">
          {text.errors.message(error.message)}
        </span>
        <Button small onPress={() => void found.fetchNextPage()}>
          {text.errors.again}
        </Button>
      </>
    );
  return (
    <>
      {isReading && <Spinner />}
      <span className="source-read muted" role="status">
        {isReading
          ? words.reading(source, rows.length, total)
          : rows.length > 0 && words.read(source, rows.length, total, ago)}
      </span>
      {more > 0 && (
        <Button small onPress={directory.readMore}>
          {words.more(more)}
        </Button>
      )}
    </>
  );
}

/** How long ago, in words that are right to some seconds. */
function useAgo(iso: string | undefined): string {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  if (!iso) return "";
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1_000));
  if (seconds < 5) return words.justNow;
  return seconds < 90 ? words.seconds(seconds) : words.minutes(Math.round(seconds / 60));
}
