import { Search as Glass, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import { Input, SearchField } from "react-aria-components/SearchField";
import { text } from "../text";
import "./Button.css";
import "./Search.css";

interface SearchProps {
  label: string;
  value: string;
  /** Told when the typing has paused, without blanks around. */
  onSearch: (words: string) => void;
  /** Whether "/" goes there; a search in a dialog takes it from the page's. */
  inDialog?: boolean;
}

const TYPING_MS = 150;

export function Search({ label, value, onSearch, inDialog = false }: SearchProps) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  if (value !== known) {
    // The address said so: a link, or the way back.
    setKnown(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => {
      setKnown(typed.trim());
      onSearch(typed.trim());
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onSearch]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (
        target.closest("input:not([type=radio], [type=checkbox]), textarea") ||
        (target.closest("[role=dialog]") !== null) !== inDialog
      )
        return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [inDialog]);
  return (
    <SearchField aria-label={label} value={typed} onChange={setTyped} className="search">
      <Glass size={16} aria-hidden="true" />
      <Input ref={input} placeholder={label} className="search-input" maxLength={200} />
      <span className="key" aria-hidden="true">
        /
      </span>
      <AriaButton className="button icon" aria-label={text.employees.clearSearch}>
        <X size={14} aria-hidden="true" />
      </AriaButton>
    </SearchField>
  );
}
