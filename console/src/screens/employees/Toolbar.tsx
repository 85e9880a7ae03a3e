import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Status } from "../../api/client";
import { counts, type Filter } from "../../api/queries";
import { useCompany } from "../../company";
import type { EmployeesSearch } from "../../search";
import { STATUS, text } from "../../text";
import { Chip, Chips } from "../../ui/Chip";
import { Search } from "../../ui/Search";
import { totalOf } from "./totals";

interface ToolbarProps {
  filter: Filter;
  onFilter: (what: Partial<EmployeesSearch>) => void;
}

/** Exceptions first. */
const STATUSES = ["needs_action", "failed", "held", "needs_sync", "syncing", "synced", "excluded"] as const;
/** Shown only where there are such records. */
const RARE: readonly Status[] = ["excluded"];

export function Toolbar({ filter, onFilter }: ToolbarProps) {
  const found = useQuery(counts(useCompany().id, filter.q)).data;
  const search = useCallback((q: string) => onFilter({ q: q || undefined }), [onFilter]);
  const toggle = (status: Status) => {
    const left = filter.status.filter((one) => one !== status);
    const next = left.length < filter.status.length ? left : [...left, status];
    onFilter({ status: next.length > 0 ? next : undefined });
  };
  const isShown = (status: Status) =>
    !RARE.includes(status) || (found?.counts[status] ?? 0) > 0 || filter.status.includes(status);
  return (
    <div className="toolbar">
      <Search label={text.employees.search} value={filter.q} onSearch={search} />
      <Chips label={text.employees.filter}>
        <Chip
          label={text.employees.all}
          isSelected={filter.status.length === 0}
          onChange={() => onFilter({ status: undefined })}
          count={found && totalOf(found, [])}
          atLeast={found?.atLeast}
        />
        {STATUSES.filter(isShown).map((status) => (
          <Chip
            key={status}
            label={STATUS[status]}
            status={status}
            isSelected={filter.status.includes(status)}
            onChange={() => toggle(status)}
            count={found && (found.counts[status] ?? 0)}
            atLeast={found?.atLeast}
          />
        ))}
      </Chips>
    </div>
  );
}
