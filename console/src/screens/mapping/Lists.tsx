import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import type { ApiError } from "../../api/client";
import { duplicates, excluded, type LinkView, links, orphans, type PersonView } from "../../api/mapping";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import type { ListOf } from "./Cases";
import { List } from "./List";
import { words } from "./text";
import { useDecide } from "./useDecide";

const nameOf = (person: PersonView) => person.name || text.employees.noName;
const numberOf = (person: PersonView) => person.number ?? text.employees.noNumber;

/** Linked pairs: what each rests on, and the ways to part them or to choose another. */
export function Links({ q, onOpen }: ListOf) {
  const { id, route, mayChange } = useCompany();
  const found = useInfiniteQuery(links(id, q));
  const decide = useDecide();
  const { columns, ...page } = words.page;
  const rests = (one: LinkView) =>
    [page.origins[one.origin] ?? one.origin, one.matched_by && page.matchedBy[one.matched_by]]
      .filter(Boolean)
      .join(", ");
  return (
    <div className="panel mapping-list">
      <List
        found={found}
        label={page.tabs.links}
        none={page.noLinks}
        searched={q !== ""}
        columns={[
          columns.record,
          columns.name,
          columns.other(route?.destination ?? ""),
          columns.origin,
          columns.since,
          columns.actions,
        ]}
      >
        {(one) => (
          <tr key={one.source.record_id}>
            <td className="num">{numberOf(one.source)}</td>
            <td className="strong">{nameOf(one.source)}</td>
            <td>
              {nameOf(one.destination)} <span className="muted num">#{one.destination.remote_id}</span>
            </td>
            <td className="muted">{rests(one)}</td>
            <td className="muted num">
              <time dateTime={one.linked_at}>{when(one.linked_at)}</time>
            </td>
            <td className="end">
              {mayChange && (
                <span className="row-actions">
                  <Button
                    small
                    aria-label={page.relinkOf(nameOf(one.source))}
                    onPress={() => onOpen(one.source.record_id)}
                  >
                    {words.relink}
                  </Button>
                  <Button
                    small
                    aria-label={page.unlinkOf(nameOf(one.source))}
                    isDisabled={decide.isPending}
                    onPress={() =>
                      decide.mutate({
                        record: one.source.record_id,
                        name: nameOf(one.source),
                        body: { decision: "unlink" },
                        says: words.done.unlink(nameOf(one.source)),
                      })
                    }
                  >
                    {words.unlink}
                  </Button>
                </span>
              )}
            </td>
          </tr>
        )}
      </List>
    </div>
  );
}

/** Records of the destination that nobody is linked to. */
export function Orphans({ q }: ListOf) {
  const { id, route } = useCompany();
  const found = useInfiniteQuery(orphans(id, q));
  const { columns, ...page } = words.page;
  const system = route?.destination ?? "";
  return (
    <div className="panel mapping-list">
      <List
        found={found}
        label={page.tabs.orphans(system)}
        none={page.noOrphans(system)}
        searched={q !== ""}
        columns={[columns.record, columns.name, columns.email, columns.state]}
      >
        {(one) => (
          <tr key={one.record_id}>
            <td className="num">
              #{one.remote_id} <span className="muted">{one.number}</span>
            </td>
            <td className="strong">{nameOf(one)}</td>
            <td className="muted">{one.email}</td>
            <td className="muted">{one.active ? words.active : words.inactive}</td>
          </tr>
        )}
      </List>
    </div>
  );
}

/** Records that people keep out of the sync, and why. */
export function Excluded({ q, onOpen }: ListOf) {
  const { id, mayChange } = useCompany();
  const found = useInfiniteQuery(excluded(id, q));
  const decide = useDecide();
  const { columns, ...page } = words.page;
  return (
    <div className="panel mapping-list">
      <List
        found={found}
        label={page.tabs.excluded}
        none={page.noExcluded}
        searched={q !== ""}
        columns={[columns.record, columns.name, columns.reason, columns.since, columns.actions]}
      >
        {({ record, reason, excluded_at }) => (
          <tr key={record.record_id}>
            <td className="num">{numberOf(record)}</td>
            <td className="strong">
              <button type="button" className="link" onClick={() => onOpen(record.record_id)}>
                {nameOf(record)}
              </button>
            </td>
            <td>{reason}</td>
            <td className="muted num">
              <time dateTime={excluded_at}>{when(excluded_at)}</time>
            </td>
            <td className="end">
              {mayChange && (
                <Button
                  small
                  aria-label={page.includeOf(nameOf(record))}
                  isDisabled={decide.isPending}
                  onPress={() =>
                    decide.mutate({
                      record: record.record_id,
                      name: nameOf(record),
                      body: { decision: "include" },
                      says: words.done.include(nameOf(record)),
                    })
                  }
                >
                  {words.include}
                </Button>
              )}
            </td>
          </tr>
        )}
      </List>
    </div>
  );
}

/** Records of one side that may be one person. */
export function Duplicates({ onOpen }: ListOf) {
  const { id, route } = useCompany();
  const found = useQuery(duplicates(id));
  const page = words.page;
  if (found.isPending) return <Skeleton rows={8} />;
  if (found.isError)
    return (
      <State alert title={text.errors.list} fix={text.errors.says(found.error as ApiError)}>
        <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
      </State>
    );
  if (found.data.length === 0)
    return <State icon={<Inbox size={28} aria-hidden="true" />} title={page.noDuplicates} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="panel mapping-list table-scroll" tabIndex={0} aria-label={page.tabs.duplicates}>
      <ul className="groups">
        {found.data.map((group) => {
          const side = group.side === "source" ? route?.sourceLong : route?.destinationLong;
          return (
            <li key={group.records.map((one) => one.record_id).join()}>
              <h3>{page.group(side ?? "", text.history.field(group.field).toLowerCase())}</h3>
              <ul>
                {group.records.map((one) => (
                  <li key={one.record_id}>
                    {group.side === "source" ? (
                      <button type="button" className="link" onClick={() => onOpen(one.record_id)}>
                        {nameOf(one)}
                      </button>
                    ) : (
                      <span>{nameOf(one)}</span>
                    )}
                    <span className="muted num">
                      #{one.remote_id} · {numberOf(one)} · {one.active ? words.active : words.inactive}
                    </span>
                  </li>
                ))}
              </ul>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
