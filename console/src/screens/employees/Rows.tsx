import { ArrowDown, ArrowUp, Inbox, SearchX, ServerOff } from "lucide-react";
import { type HTMLAttributes, memo, type Ref, type RefObject, useMemo } from "react";
import {
  Cell,
  Column,
  Row,
  type SortDescriptor,
  Table,
  TableBody,
  TableHeader,
  Virtualizer,
} from "react-aria-components";
import { Collection } from "react-aria-components/Collection";
import type { ApiError } from "../../api/client";
import type { Filter } from "../../api/queries";
import { useCompany } from "../../company";
import { EVERYTHING, NOTHING, type Selection } from "../../selection";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import type { ColumnSpec } from "./columns";
import type { CellProps, Item } from "./types";
import { WindowLayout } from "./WindowLayout";

export type Chosen = "all" | "some" | "none";

interface RowsProps extends Pick<CellProps, "pick" | "mark" | "onOpen" | "small"> {
  grid: RefObject<HTMLDivElement | null>;
  items: readonly Item[];
  /** How many rows the list has, and how high one is. */
  total: number;
  rowHeight: number;
  headingHeight: number;
  columns: readonly ColumnSpec[];
  /** What these rows were listed by. */
  filter: Filter;
  sort: string;
  keys: "all" | Set<string>;
  chosen: Chosen;
  pending: boolean;
  error: ApiError | null;
  onKeys: (keys: "all" | Set<string>) => void;
  onSelect: (selection: Selection) => void;
  onSort: (sort: string) => void;
  onAgain: () => void;
  onClear: () => void;
}

/** What fits into the height that browsers give an element; more is found by a filter. */
const MOST_ROWS = 250_000;

/**
 * The rows themselves. They are rendered when they or their choice change, and not when something else is asked for: to render
 * all that is in view costs more than to ask.
 */
export const Rows = memo(function Rows(props: RowsProps) {
  const { grid, items, total, rowHeight, headingHeight, columns, filter, sort, keys, chosen } = props;
  const { pick, mark, onOpen, small, onSelect } = props;
  const descriptor: SortDescriptor = {
    column: sort.replace(/^-/, ""),
    direction: sort.startsWith("-") ? "descending" : "ascending",
  };
  const layout = useMemo(
    () => ({ rowHeight, headingHeight, total: Math.min(total, MOST_ROWS) }),
    [rowHeight, headingHeight, total],
  );
  return (
    <Virtualizer layout={WindowLayout} layoutOptions={layout}>
      <Table
        ref={grid as Ref<HTMLTableElement & HTMLDivElement>}
        aria-label={text.employees.grid}
        className="grid"
        render={(props) => placed(props, { "aria-rowcount": total + 1 })}
        selectionMode="multiple"
        selectedKeys={keys}
        onSelectionChange={(keys) => props.onKeys(keys as "all" | Set<string>)}
        sortDescriptor={descriptor}
        onSortChange={({ column, direction }) =>
          props.onSort(`${direction === "descending" ? "-" : ""}${String(column)}`)
        }
      >
        <TableHeader columns={columns} dependencies={[chosen]}>
          {(column) => (
            <Column {...column} className={`column ${column.id}`} textValue={column.label}>
              {({ allowsSorting, sortDirection }) => (
                <span className="column-label">
                  {column.id === "serial" && <EveryBox chosen={chosen} onSelect={onSelect} />}
                  <span className="cut">{column.label}</span>
                  {allowsSorting && sortDirection === "ascending" && <ArrowUp size={13} aria-hidden="true" />}
                  {allowsSorting && sortDirection === "descending" && (
                    <ArrowDown size={13} aria-hidden="true" />
                  )}
                </span>
              )}
            </Column>
          )}
        </TableHeader>
        <TableBody
          renderEmptyState={() => (
            <Nothing
              pending={props.pending}
              error={props.error}
              filtered={filter.status.length > 0 || filter.q !== ""}
              onAgain={props.onAgain}
              onClear={props.onClear}
            />
          )}
        >
          <Collection items={items} dependencies={[columns, filter.status]}>
            {(item) => (
              <Row
                columns={columns}
                className="row"
                render={(props) => placed(props, { "aria-rowindex": item.serial + 1 })}
              >
                {(column) => (
                  <Cell className={`cell ${column.id}`}>
                    {column.cell({ ...item, filter, pick, mark, onOpen, small })}
                  </Cell>
                )}
              </Row>
            )}
          </Collection>
        </TableBody>
      </Table>
    </Virtualizer>
  );
});

/** An element of the grid with its place in, or the length of, the whole list, which the grid itself does not know. */
const placed = (props: object, place: HTMLAttributes<HTMLDivElement>) => <div {...props} {...place} />;

/** Everything that matches, also what is not loaded. */
function EveryBox({ chosen, onSelect }: { chosen: Chosen; onSelect: RowsProps["onSelect"] }) {
  const all = chosen === "all";
  return (
    <Box
      slot={null}
      aria-label={text.selection.every}
      isSelected={all}
      isIndeterminate={chosen === "some"}
      onChange={() => onSelect(all ? NOTHING : EVERYTHING)}
    />
  );
}

interface NothingProps {
  pending: boolean;
  error: ApiError | null;
  filtered: boolean;
  onAgain: () => void;
  onClear: () => void;
}

/** Instead of rows: being loaded, not to be had, nothing that matches, or nothing yet. */
function Nothing({ pending, error, filtered, onAgain, onClear }: NothingProps) {
  const { route } = useCompany();
  if (error && !pending)
    return (
      <State
        alert
        icon={<ServerOff size={28} aria-hidden="true" />}
        title={text.errors.list}
        fix={error.passing ? text.errors.offline : text.errors.message(error.message)}
      >
        <Button onPress={onAgain}>{text.errors.again}</Button>
      </State>
    );
  if (pending) return <Skeleton />;
  if (filtered)
    return (
      <State
        icon={<SearchX size={28} aria-hidden="true" />}
        title={text.empty.noMatch}
        fix={text.empty.noMatchFix}
      >
        <Button onPress={onClear}>{text.empty.clearFilters}</Button>
      </State>
    );
  return (
    <State
      icon={<Inbox size={28} aria-hidden="true" />}
      title={text.empty.title}
      fix={text.empty.fix(route?.sourceLong ?? "")}
    />
  );
}
