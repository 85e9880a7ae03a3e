import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import type { ApiError, Status } from "../../api/client";
import { useCompany } from "../../company";
import { useRow } from "../../live";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Search } from "../../ui/Search";
import { Spinner } from "../../ui/State";
import { Chosen } from "./Chosen";
import { exclude, planRecords } from "./queries";
import { isOpen, type PlanRecord, type PlanSearch, type PlanView } from "./types";
import { Changed } from "./Value";
import { ACTION, OUTCOME, words } from "./words";

const SHOWN = 2;
/** While the record has one of these, its reason is the plan's. */
const STANDS: readonly Status[] = ["failed", "needs_action"];

interface RecordsProps {
  plan: PlanView;
  search: PlanSearch;
  onSearch: (what: Partial<PlanSearch>) => void;
  chosen: PlanRecord | null;
  onChoose: (record: PlanRecord | null) => void;
  /** Of a held plan of the rules: the records that are to be released. */
  ticked: ReadonlySet<string>;
  onTick: (ticked: ReadonlySet<string>) => void;
}

/** What the plan does with each record. A tick says that it is written; without it the row stays, struck. */
export function Records({ plan, search, onSearch, chosen, onChoose, ticked, onTick }: RecordsProps) {
  const { id, mayChange } = useCompany();
  const client = useQueryClient();
  const version = `${plan.state} ${plan.ready} ${plan.to_write} ${JSON.stringify(plan.outcomes ?? {})}`;
  const found = useInfiniteQuery(planRecords(id, plan.plan_id, search, version));
  const records = found.data?.pages.flatMap((page) => page.items) ?? [];
  // What was just ticked shows at once; the plan's own word comes a moment later.
  const [asked, setAsked] = useState<ReadonlyMap<string, boolean>>(new Map());
  const answered = found.data?.pages;
  useEffect(() => {
    const stands = new Map(
      answered?.flatMap(({ items }) => items.map((one) => [one.record_id, one.excluded])),
    );
    setAsked((before) => new Map([...before].filter(([record, out]) => stands.get(record) !== out)));
  }, [answered]);
  const amend = useMutation({
    mutationFn: ({ record, out }: { record: string; out: boolean }) =>
      exclude(id, plan.plan_id, [record], out),
    onMutate: ({ record, out }) => setAsked((before) => new Map(before).set(record, out)),
    onError: (error: ApiError, { record }) => {
      setAsked((before) => {
        const after = new Map(before);
        after.delete(record);
        return after;
      });
      notice.bad(text.errors.says(error));
    },
    onSuccess: () =>
      setTimeout(() => {
        void client.invalidateQueries({ queryKey: ["plan", id] });
        void client.invalidateQueries({ queryKey: ["plan-records", id, plan.plan_id] });
      }, 400),
  });
  const find = useCallback((q: string) => onSearch({ q: q || undefined }), [onSearch]);
  const rules = plan.kind === "rules";
  const tick = (record: PlanRecord, on: boolean) => {
    if (!rules) {
      amend.mutate({ record: record.record_id, out: !on });
      return;
    }
    const after = new Set(ticked);
    if (on) after.add(record.record_id);
    else after.delete(record.record_id);
    onTick(after);
  };
  const rows = useRef<HTMLUListElement>(null);
  const close = (record: string) => {
    onChoose(null);
    rows.current?.querySelector<HTMLElement>(`[data-record="${record}"] .plan-name`)?.focus();
  };
  // As it stands now, where its page is still loaded.
  const open = records.find((one) => one.record_id === chosen?.record_id) ?? chosen;
  return (
    <>
      <section className="plan-records" aria-label={words.records}>
        <div className="plan-find">
          <Search label={words.search} value={search.q ?? ""} onSearch={find} />
        </div>
        {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
        {found.isPending && (
          <div className="centre">
            <Spinner size={20} />
          </div>
        )}
        {found.data && records.length === 0 && <p className="centre">{words.none_here}</p>}
        <ul className="plan-rows" ref={rows} onKeyDown={walk}>
          {records.map((record) => {
            const out = rules ? false : (asked.get(record.record_id) ?? record.excluded ?? false);
            const writes = rules
              ? record.outcome === "held"
              : record.action !== "blocked" && record.action !== "no_change";
            return (
              <Row
                key={record.record_id}
                record={record}
                out={out}
                isChosen={chosen?.record_id === record.record_id}
                box={mayChange && isOpen(plan) && plan.ready && writes}
                on={rules ? ticked.has(record.record_id) : !out}
                onTick={(on) => tick(record, on)}
                onChoose={() => onChoose(record)}
              />
            );
          })}
        </ul>
        {found.hasNextPage && (
          <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
            {words.showMore}
          </Button>
        )}
      </section>
      {open && <Chosen record={open} onClose={() => close(open.record_id)} />}
    </>
  );
}

/** ↑ and ↓ go to the same control of the row before or after. */
function walk(event: KeyboardEvent<HTMLUListElement>) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const here = event.target as HTMLElement;
  const kind = here.matches("input") ? "input" : "button";
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(`li ${kind}`)];
  const next = all[all.indexOf(here) + (event.key === "ArrowDown" ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

interface RowProps {
  record: PlanRecord;
  out: boolean;
  isChosen: boolean;
  box: boolean;
  on: boolean;
  onTick: (on: boolean) => void;
  onChoose: () => void;
}

function Row({ record, out, isChosen, box, on, onTick, onChoose }: RowProps) {
  const name = record.name || record.number || record.remote_id;
  return (
    <li
      data-record={record.record_id}
      className={`plan-row ${record.action}${out ? " out" : ""}${isChosen ? " chosen" : ""}`}
    >
      <span className="plan-box">
        {box && (
          <input
            type="checkbox"
            aria-label={words.include(name)}
            checked={on}
            onChange={(event) => onTick(event.target.checked)}
          />
        )}
      </span>
      <button type="button" className="plan-name" aria-expanded={isChosen} onClick={onChoose}>
        <span>{name}</span>
        <small className="muted">{record.number ?? ""}</small>
      </button>
      <span className={`plan-action ${record.action}`}>{out ? words.takenOut : ACTION[record.action]}</span>
      <span className="plan-what">
        <What record={record} />
      </span>
    </li>
  );
}

function What({ record }: { record: PlanRecord }) {
  if (record.outcome === "skipped")
    return (
      <span>
        {OUTCOME.skipped}: {words.skipped(record.outcome_reason ?? "")}
      </span>
    );
  if (record.outcome === "held" && record.outcome_reason === "moved") return <span>{words.heldMoved}</span>;
  if (record.reason_text && record.action === "blocked")
    return (
      <span>
        {record.reason_text} {record.fix}
      </span>
    );
  if (record.outcome === "failed" || record.outcome === "needs_action") return <NotWritten record={record} />;
  const changes = Object.entries(record.fields ?? {});
  const hidden = record.hidden?.length ?? 0;
  return (
    <>
      {changes.slice(0, SHOWN).map(([field, change]) => (
        <span key={field} className="plan-field">
          <span className="muted">{words.field(field)}</span>
          <Changed change={change} created={record.action === "create"} />
        </span>
      ))}
      {changes.length > SHOWN && <span className="muted">{words.more(changes.length - SHOWN)}</span>}
      {hidden > 0 && <span className="muted">{words.hiddenMore(hidden)}</span>}
      {record.outcome && <span className="muted">{OUTCOME[record.outcome] ?? record.outcome}</span>}
    </>
  );
}

/** Why it was not written, as the list of employees says it now; nothing more once somebody has mended it. */
function NotWritten({ record: { record_id, outcome } }: { record: PlanRecord }) {
  const row = useRow(useCompany().rows, record_id);
  return (
    <>
      <span className={`status-label dotted ${outcome}`}>{OUTCOME[outcome ?? ""]}</span>
      {row && STANDS.includes(row.status) && <span>{row.reason_text}</span>}
    </>
  );
}
