import { useQuery } from "@tanstack/react-query";
import { Search, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import { Input, SearchField } from "react-aria-components/SearchField";
import { ToggleButton } from "react-aria-components/ToggleButton";
import type { Status } from "../../api/client";
import { counts, type Filter } from "../../api/queries";
import { useCompany } from "../../company";
import type { EmployeesSearch } from "../../router";
import { n, STATUS, text } from "../../text";
import { totalOf } from "./totals";

interface ToolbarProps {
  filter: Filter;
  onFilter: (what: Partial<EmployeesSearch>) => void;
}

const STATUSES = ["needs_sync", "needs_action", "failed", "held", "syncing", "synced"] as const;
const TYPING_MS = 250;

export function Toolbar({ filter, onFilter }: ToolbarProps) {
  return (
    <div className="toolbar">
      <SearchBox q={filter.q} onFilter={onFilter} />
      <Chips filter={filter} onFilter={onFilter} />
    </div>
  );
}

function SearchBox({ q, onFilter }: { q: string; onFilter: ToolbarProps["onFilter"] }) {
  const [typed, setTyped] = useState(q);
  const [known, setKnown] = useState(q);
  const input = useRef<HTMLInputElement>(null);
  if (q !== known) {
    // The address said so: a link, or the way back.
    setKnown(q);
    setTyped(q);
  }
  useEffect(() => {
    if (typed.trim() === q) return;
    const timer = setTimeout(() => {
      setKnown(typed.trim());
      onFilter({ q: typed.trim() || undefined });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, q, onFilter]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (
        event.key !== "/" ||
        event.ctrlKey ||
        event.metaKey ||
        target.closest("input, textarea, [role=dialog]")
      )
        return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <SearchField aria-label={text.employees.search} value={typed} onChange={setTyped} className="search">
      <Search size={16} aria-hidden="true" />
      <Input ref={input} placeholder={text.employees.search} className="search-input" maxLength={200} />
      <span className="search-key" aria-hidden="true">
        /
      </span>
      <AriaButton className="button icon search-clear" aria-label={text.employees.clearSearch}>
        <X size={14} aria-hidden="true" />
      </AriaButton>
    </SearchField>
  );
}

function Chips({ filter, onFilter }: { filter: Filter; onFilter: ToolbarProps["onFilter"] }) {
  const found = useQuery(counts(useCompany().id, filter.q)).data;
  const toggle = (status: Status) => {
    const left = filter.status.filter((one) => one !== status);
    const next = left.length < filter.status.length ? left : [...left, status];
    onFilter({ status: next.length > 0 ? next : undefined });
  };
  const all = totalOf(found, []);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row everywhere
    <div className="chips" role="group" aria-label={text.employees.filter}>
      <ToggleButton
        className="chip"
        isSelected={filter.status.length === 0}
        onChange={() => onFilter({ status: undefined })}
      >
        {text.employees.all} <span className="count">{found ? n(all) : ""}</span>
      </ToggleButton>
      {STATUSES.map((status) => (
        <ToggleButton
          key={status}
          className={`chip dotted ${status}`}
          isSelected={filter.status.includes(status)}
          onChange={() => toggle(status)}
        >
          {STATUS[status]} <span className="count">{found ? n(found[status] ?? 0) : ""}</span>
        </ToggleButton>
      ))}
    </div>
  );
}
