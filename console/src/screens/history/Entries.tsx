import { useInfiniteQuery } from "@tanstack/react-query";
import { ChevronDown, Download } from "lucide-react";
import { useState } from "react";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Chip, Chips } from "../../ui/Chip";
import { Menu } from "../../ui/Menu";
import { notice } from "../../ui/Notice";
import { Spinner, State } from "../../ui/State";
import { line } from "../employees/csv";
import { WhoAndWhen } from "../WhoAndWhen";
import { FIELDS, type HistoryFilter, history, KINDS } from "./data";
import { Entry } from "./Entry";
import { everything, linesOf, save } from "./export";
import { words } from "./text";
import { useNames } from "./useNames";
import "../../ui/Status.css";
import "./History.css";

interface HistoryProps {
  /** Whose; the whole company's without one. */
  record?: string | undefined;
  filter: HistoryFilter;
  onFilter: (what: Partial<HistoryFilter>) => void;
}

const CLEAR: HistoryFilter = { kind: undefined, field: undefined, who: undefined, days: undefined };

/** The change history with its filters; a push with all its attempts is one entry that opens. */
export function Entries({ record, filter, onFilter }: HistoryProps) {
  const { id } = useCompany();
  const found = useInfiniteQuery(history(id, record, filter));
  const nameOf = useNames();
  const entries = found.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.values(filter).some((one) => one !== undefined);
  return (
    <>
      <Filters record={record} filter={filter} onFilter={onFilter} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="dialog-scroll history-scroll" tabIndex={0} aria-label={words.list}>
        {found.isPending && (
          <div className="centre">
            <Spinner size={20} />
          </div>
        )}
        {found.isError && (
          <State
            alert
            title={text.errors.title}
            fix={(found.error as ApiError).message || text.errors.offline}
          >
            <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
          </State>
        )}
        {found.data && entries.length === 0 && !found.hasNextPage && (
          <State title={filtered ? words.noneOfThese : words.none}>
            {filtered && <Button onPress={() => onFilter(CLEAR)}>{words.clear}</Button>}
          </State>
        )}
        <ol className="timeline">
          {entries.map((entry) => (
            <Entry key={entry.n} entry={entry} nameOf={nameOf} named={record === undefined} />
          ))}
        </ol>
        {found.hasNextPage && (
          <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
            {entries.length === 0 ? words.lookFurther : words.older}
          </Button>
        )}
      </section>
    </>
  );
}

function Filters({ record, filter, onFilter }: HistoryProps) {
  const kinds = record === undefined ? KINDS : KINDS.filter((kind) => kind !== "rules" && kind !== "plan");
  const field = filter.field ? text.history.field(filter.field) : words.anyField;
  return (
    <div className="history-filters">
      <Chips label={words.kindLabel}>
        <Chip
          label={words.kinds.all}
          isSelected={!filter.kind}
          onChange={() => onFilter({ kind: undefined })}
        />
        {kinds.map((kind) => (
          <Chip
            key={kind}
            label={words.kinds[kind]}
            isSelected={filter.kind === kind}
            onChange={() => onFilter({ kind })}
          />
        ))}
      </Chips>
      <Menu
        label={words.field}
        chosen={filter.field ?? "any"}
        placement="bottom start"
        trigger={
          <Button aria-label={`${words.field}: ${field}`}>
            {field}
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        items={[
          { id: "any", label: words.anyField },
          ...FIELDS.map((one) => ({ id: one, label: text.history.field(one) })),
        ]}
        onAction={(one) => onFilter({ field: one === "any" ? undefined : one })}
      />
      <WhoAndWhen who={filter.who} days={filter.days} onChange={onFilter} />
    </div>
  );
}

/** CSV and JSON of everything that matches. */
export function Exports({ record, filter }: Pick<HistoryProps, "record" | "filter">) {
  const { id, route } = useCompany();
  const nameOf = useNames();
  const [busy, setBusy] = useState<string>();
  async function take(kind: "csv" | "json") {
    setBusy(kind);
    try {
      const { entries, all } = await everything(id, record, filter);
      const name = `history${record ? `-${record}` : ""}.${kind}`;
      if (kind === "json") save([JSON.stringify(entries, null, 2)], "application/json", name);
      else {
        const lines = entries.map((one) => {
          const side = one.side === "destination" ? route?.destinationLong : route?.sourceLong;
          return linesOf(one, side ?? "", one.automatic ? words.byRule : nameOf(one.actor));
        });
        save(["\ufeff", line(words.columns), ...lines], "text/csv", name);
      }
      notice.good(words.exported(entries.length, all));
    } catch (error) {
      notice.bad(text.errors.message((error as ApiError).message));
    } finally {
      setBusy(undefined);
    }
  }
  return (
    <>
      {(["csv", "json"] as const).map((kind) => (
        <Button key={kind} isPending={busy === kind} onPress={() => void take(kind)}>
          <Download size={15} aria-hidden="true" />
          {words[kind]}
        </Button>
      ))}
    </>
  );
}
