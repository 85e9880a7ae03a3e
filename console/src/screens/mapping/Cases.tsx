import { useInfiniteQuery } from "@tanstack/react-query";
import { GitCompareArrows } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import type { ApiError } from "../../api/client";
import { cases } from "../../api/mapping";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Chip, Chips } from "../../ui/Chip";
import { notice } from "../../ui/Notice";
import { fromBits, isSimple } from "./bulk";
import { List } from "./List";
import { Meter } from "./Meter";
import { words } from "./text";
import "../../ui/Grid.css";

const Pairs = lazy(() => import("./Pairs"));

export interface ListOf {
  q: string;
  onOpen: (record: string) => void;
}

/** Scores from which all cases of a kind may be selected, of so many pages. */
const BOUNDS = [10, 6, 3, 0, -3];
const MOST_PAGES = 10;

interface CasesProps extends ListOf {
  reason: string | null;
  onReason: (reason: string | undefined) => void;
}

/** What waits for a decision, by kind; several of one kind may be decided after a look at them. */
export function Cases({ q, reason, onReason, onOpen }: CasesProps) {
  const { id, route, mayChange } = useCompany();
  const found = useInfiniteQuery(cases(id, q, reason));
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [looking, setLooking] = useState(false);
  const [searching, setSearching] = useState(false);
  const page = words.page;
  const items = found.data?.pages.flatMap((one) => one.items) ?? [];
  const counts = found.data?.pages[0]?.counts ?? {};
  const kinds = Object.entries(counts).filter(([, count]) => count > 0);
  const oneKind = reason !== null || kinds.length === 1;
  const chosen = items.filter((one) => ticked.has(one.record.record_id));
  const tick = (record: string, on: boolean) => {
    const next = new Set(ticked);
    if (on) next.add(record);
    else next.delete(record);
    setTicked(next);
  };
  const fromScore = async (bits: number) => {
    let last = found;
    setSearching(true);
    while (last.hasNextPage && (last.data?.pages.length ?? 0) < MOST_PAGES) {
      last = await last.fetchNextPage();
      if (last.isError) break; // it resolves all the same, and would be asked for again without end
    }
    setSearching(false);
    if (last.isError) return notice.bad(text.errors.says(last.error as ApiError));
    const all = last.data?.pages.flatMap((one) => one.items) ?? [];
    setTicked(new Set(fromBits(all, bits)));
  };
  const nameOf = (kind: string) => page.kindNames[kind] ?? text.history.field(kind);
  return (
    <>
      {kinds.length > 0 && (
        <Chips label={page.kinds}>
          <Chip
            label={page.allKinds}
            isSelected={reason === null}
            onChange={() => {
              setTicked(new Set());
              onReason(undefined);
            }}
            count={kinds.reduce((sum, [, count]) => sum + count, 0)}
          />
          {kinds.map(([kind, count]) => (
            <Chip
              key={kind}
              label={nameOf(kind)}
              isSelected={reason === kind}
              onChange={() => {
                setTicked(new Set());
                onReason(reason === kind ? undefined : kind);
              }}
              count={count}
            />
          ))}
        </Chips>
      )}
      <div className="panel mapping-list">
        {mayChange && items.length > 0 && (
          <div className={chosen.length > 0 ? "selection-bar on" : "selection-bar"}>
            {chosen.length > 0 ? (
              <strong role="status">{page.selected(chosen.length)}</strong>
            ) : (
              <span className="muted" role="status">
                {oneKind ? page.nothing : page.oneKind}
              </span>
            )}
            {oneKind && chosen.length === 0 && (
              <>
                <span className="bar-space" />
                <select
                  className="by-score"
                  aria-label={page.byScore}
                  value=""
                  disabled={searching}
                  onChange={(e) => void fromScore(Number(e.target.value))}
                >
                  <option value="" disabled>
                    {page.byScore}
                  </option>
                  {BOUNDS.map((bits) => (
                    <option key={bits} value={bits}>
                      {page.fromScore(bits)}
                    </option>
                  ))}
                </select>
              </>
            )}
            {chosen.length > 0 && (
              <>
                <Button look="text" onPress={() => setTicked(new Set())}>
                  {page.clear}
                </Button>
                <span className="bar-space" />
                <Button small onPress={() => setLooking(true)}>
                  <GitCompareArrows size={14} aria-hidden="true" />
                  {page.look(chosen.length)}
                </Button>
              </>
            )}
          </div>
        )}
        <List
          found={found}
          label={page.tabs.cases}
          none={page.noCases}
          fix={page.noCasesFix}
          searched={q !== "" || reason !== null}
          columns={[
            page.columns.record,
            page.columns.name,
            page.columns.why,
            page.columns.best(route?.destination ?? ""),
            page.columns.score,
            page.columns.actions,
          ]}
        >
          {(one) => {
            const name = one.record.name || text.employees.noName;
            const record = one.record.record_id;
            return (
              <tr key={record} data-selected={ticked.has(record) || undefined}>
                <td className="num">
                  {mayChange && (
                    <Box
                      aria-label={page.select(name)}
                      isSelected={ticked.has(record)}
                      isDisabled={!oneKind || !isSimple(one)}
                      onChange={(on) => tick(record, on)}
                    >
                      {one.record.number ?? text.employees.noNumber}
                    </Box>
                  )}
                  {!mayChange && (one.record.number ?? text.employees.noNumber)}
                </td>
                <td className="strong">{name}</td>
                <td>{one.reason_text}</td>
                <td className="muted">{one.first && `${one.first.name} #${one.first.remote_id}`}</td>
                <td className="score">
                  <Meter bits={one.first?.bits} />
                  <span className="muted">{page.count(one.candidates)}</span>
                </td>
                <td className="end">
                  <Button small aria-label={page.decideOf(name)} onPress={() => onOpen(record)}>
                    {page.decide}
                  </Button>
                </td>
              </tr>
            );
          }}
        </List>
      </div>
      <Suspense>
        {looking && (
          <Pairs
            cases={chosen}
            onClose={() => setLooking(false)}
            onDone={() => {
              setLooking(false);
              setTicked(new Set());
            }}
          />
        )}
      </Suspense>
    </>
  );
}
