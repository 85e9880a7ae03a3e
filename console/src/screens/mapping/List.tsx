import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import type { ReactNode } from "react";
import type { ApiError } from "../../api/client";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { Spinner, State } from "../../ui/State";
import { words } from "./text";
import "../../ui/Table.css";

interface PageOf<T> {
  items: readonly T[];
  next: string | null;
  total: number;
}

interface ListProps<T> {
  found: UseInfiniteQueryResult<InfiniteData<PageOf<T>>, Error>;
  label: string;
  columns: readonly string[];
  /** What stands there when there is nothing at all. */
  none: string;
  fix?: string;
  searched: boolean;
  children: (item: T) => ReactNode;
}

/** A table that is read page by page. */
export function List<T>({ found, label, columns, none, fix, searched, children }: ListProps<T>) {
  if (found.isPending) return <Skeleton rows={8} />;
  if (found.isError)
    return (
      <State alert title={text.errors.list} fix={text.errors.says(found.error as ApiError)}>
        <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
      </State>
    );
  const items = found.data.pages.flatMap((page) => page.items);
  if (items.length === 0)
    return (
      <State
        icon={<Inbox size={28} aria-hidden="true" />}
        title={searched ? words.page.nobody : none}
        {...(fix && !searched && { fix })}
      />
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="table-scroll" tabIndex={0} aria-label={label}>
      <table className="table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{items.map(children)}</tbody>
      </table>
      {found.hasNextPage && (
        <div className="table-more">
          <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
            {found.isFetchingNextPage && <Spinner />}
            {words.page.more}
          </Button>
        </div>
      )}
    </section>
  );
}
