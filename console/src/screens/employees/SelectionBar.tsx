import { useMutation, useQuery } from "@tanstack/react-query";
import { FileDown } from "lucide-react";
import type { ApiError } from "../../api/client";
import { counts, type Filter, unselected } from "../../api/queries";
import { useCompany } from "../../company";
import type { EmployeesSearch } from "../../search";
import { count, EVERYTHING, NOTHING, type Selection } from "../../selection";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { Tooltip } from "../../ui/Tooltip";
import { exportCsv } from "./csv";
import { totalOf } from "./totals";
import { ViewMenu } from "./ViewMenu";

interface SelectionBarProps {
  filter: Filter;
  sort: string;
  onFilter: (what: Partial<EmployeesSearch>) => void;
  onShowAll: () => void;
  selection: Selection;
  onSelect: (selection: Selection) => void;
}

/** Always above the grid, so that nothing moves when something is selected. */
export function SelectionBar({ filter, sort, selection, onSelect, onFilter, onShowAll }: SelectionBarProps) {
  const { id, mayChange } = useCompany();
  const found = useQuery(counts(id, filter.q)).data;
  const total = totalOf(found, filter.status);
  const selected = count(selection, total);
  const more = found?.atLeast;
  const words = text.selection;
  let says: string = words.none;
  if (selection.all && selection.except.size > 0) says = words.butFew(selected, selection.except.size, more);
  else if (selection.all) says = words.everything(selected, more);
  else if (selected > 0) says = words.selected(selected);
  return (
    <div className={selected > 0 ? "selection-bar on" : "selection-bar"}>
      {selected > 0 ? (
        <strong role="status">{says}</strong>
      ) : (
        <span className="muted" role="status">
          {says}
        </span>
      )}
      <Hidden filter={filter} selection={selection} total={more ? null : total} onShowAll={onShowAll} />
      {mayChange && !(selection.all && selection.except.size === 0) && total > 0 && (
        <Button look="text" onPress={() => onSelect(EVERYTHING)}>
          {words.selectAll(total, more)}
        </Button>
      )}
      {selected > 0 && (
        <Button look="text" onPress={() => onSelect(NOTHING)}>
          {words.clear}
        </Button>
      )}
      <span className="bar-space" />
      <ViewMenu filter={filter} sort={sort} onFilter={onFilter} />
      <ExportButton filter={filter} sort={sort} />
    </div>
  );
}

/** How many of the chosen the filter does not show; they would be synced all the same. */
function Hidden({
  filter,
  selection,
  total,
  onShowAll,
}: Omit<SelectionBarProps, "sort" | "onSelect" | "onFilter"> & { total: number | null }) {
  const { id } = useCompany();
  const filtered = filter.status.length > 0 || filter.q !== "";
  const ids = selection.all ? [] : [...selection.ids];
  const enabled = filtered && ids.length > 0;
  const found = useQuery({ ...unselected(id, filter, ids), enabled }).data;
  const matching = useQuery({ ...unselected(id, filter, []), enabled: enabled && total === null }).data;
  const all = total ?? matching;
  if (!enabled || found === undefined || all === undefined) return null;
  const hidden = ids.length - (all - found);
  if (hidden <= 0) return null;
  return (
    <>
      <span role="status">{text.selection.hidden(hidden)}</span>
      <Button look="text" onPress={onShowAll}>
        {text.selection.show}
      </Button>
    </>
  );
}

function ExportButton({ filter, sort }: { filter: Filter; sort: string }) {
  const { id } = useCompany();
  const write = useMutation({
    mutationFn: () => exportCsv(id, filter, sort),
    onSuccess: (count) => notice.good(text.csv.done(count)),
    onError: (error: ApiError) => notice.bad(text.errors.says(error)),
  });
  return (
    <Tooltip text={text.csv.button}>
      <Button
        look="icon"
        small
        aria-label={text.csv.button}
        isPending={write.isPending}
        onPress={() => write.mutate()}
      >
        {write.isPending ? <Spinner /> : <FileDown size={16} aria-hidden="true" />}
      </Button>
    </Tooltip>
  );
}
