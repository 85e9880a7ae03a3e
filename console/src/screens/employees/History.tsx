import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { useState } from "react";
import { ToggleButton } from "react-aria-components/ToggleButton";
import type { ApiError, TimelineEntry } from "../../api/client";
import { me, record as recordQuery, timeline } from "../../api/queries";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Spinner, State } from "../../ui/State";

type Kind = keyof typeof text.history.kinds;
const KINDS = Object.keys(text.history.kinds) as Kind[];

function isKind(entry: TimelineEntry, kind: Kind): boolean {
  if (kind === "fields") return Object.keys(entry.changes).length > 0;
  if (kind === "syncs") return entry.type.startsWith("push.") || entry.type === "status.changed";
  if (kind === "matches") return entry.type.startsWith("record.") || entry.type.startsWith("match.");
  return true;
}

/** What happened to one record, newest first. */
export default function History({ record, onClose }: { record: string; onClose: () => void }) {
  const { id } = useCompany();
  const shown = useQuery(recordQuery(id, record)).data;
  const found = useInfiniteQuery(timeline(id, record));
  const [kind, setKind] = useState<Kind>("all");
  const entries =
    found.data?.pages.flatMap((page) => page.items).filter((entry) => isKind(entry, kind)) ?? [];
  return (
    <Dialog
      title={text.actions.history}
      subtitle={shown ? [shown.name, shown.number].filter(Boolean).join(" · ") : " "}
      onClose={onClose}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row everywhere */}
      <div className="chips dialog-chips" role="group" aria-label={text.history.filter}>
        {KINDS.map((one) => (
          <ToggleButton key={one} className="chip" isSelected={kind === one} onChange={() => setKind(one)}>
            {text.history.kinds[one]}
          </ToggleButton>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="dialog-scroll" tabIndex={0} aria-label={text.actions.history}>
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
        {found.data && entries.length === 0 && <p className="muted centre">{text.history.none}</p>}
        <ol className="timeline">
          {entries.map((entry) => (
            <Entry key={entry.n} entry={entry} />
          ))}
        </ol>
        {found.hasNextPage && (
          <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
            {text.history.older}
          </Button>
        )}
      </section>
    </Dialog>
  );
}

const TONE: Record<string, string> = {
  "push.succeeded": "synced",
  "push.failed": "failed",
  "push.held": "held",
  "employee.unreadable": "needs_action",
  "record.disputed": "needs_action",
  "record.unlinked": "needs_action",
  "match.failed": "failed",
};

function Entry({ entry }: { entry: TimelineEntry }) {
  const words = text.history;
  const isStatus = entry.type === "status.changed" && entry.status;
  const { route } = useCompany();
  const side = entry.detail?.side === "destination" ? route?.destinationLong : route?.sourceLong;
  const title = isStatus
    ? words.status(entry.status as Parameters<typeof words.status>[0])
    : words.event(entry.type, side ?? "");
  const cause = entry.cause ? words.cause(entry.cause) : undefined;
  const changes = Object.entries(entry.changes);
  return (
    <li className={`entry ${isStatus ? entry.status : (TONE[entry.type] ?? "")}`}>
      <div className="entry-head">
        <strong>{title}</strong>
        <time dateTime={entry.at} title={exactly(entry.at)}>
          {when(entry.at)}
        </time>
      </div>
      <div className="entry-by">
        <Actor actor={entry.actor ?? null} />
        {cause && <span>· {cause}</span>}
      </div>
      {entry.reason_text && <p className="entry-reason">{entry.reason_text}</p>}
      {changes.length > 0 && (
        <dl className="changes">
          {changes.map(([field, { before, after }]) => (
            <div key={field}>
              <dt>{words.field(field)}</dt>
              <dd>
                <Value value={before} old />
                <ArrowRight size={13} aria-label={words.became} />
                <Value value={after} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

function Value({ value, old = false }: { value: unknown; old?: boolean }) {
  if (value === null || value === undefined || value === "")
    return <i className="muted">{text.history.empty}</i>;
  const words = typeof value === "object" ? JSON.stringify(value) : String(value);
  return old ? <del>{words}</del> : <ins>{words}</ins>;
}

function Actor({ actor }: { actor: string | null }) {
  const mine = useQuery(me).data?.actor;
  const words = text.history;
  let who: string = words.worker;
  if (actor !== null && actor === mine) who = words.you;
  else if (actor?.startsWith("user:")) who = words.someone;
  else if (actor?.startsWith("key:")) who = words.key;
  return <span>{words.by(who)}</span>;
}
