import { Search as Glass, X } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { Button as AriaButton } from "react-aria-components/Button";
import { Input, SearchField } from "react-aria-components/SearchField";
import { text } from "../text";
import "./Button.css";
import "./Search.css";

interface SearchProps {
  label: string;
  value: string;
  /** Told without blanks around: what was typed when the typing pauses, what came or went as a whole (pasted, cleared) at once. */
  onSearch: (words: string) => void;
  /** Whether "/" goes there; a search in a dialog takes it from the page's. */
  inDialog?: boolean;
}

const TYPING_MS = 120;

export function Search({ label, value, onSearch, inDialog = false }: SearchProps) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  const [told, setTold] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  if (value !== known) {
    setKnown(value);
    if (value !== told) {
      // The address said so: a link, or the way back.
      setTold(value);
      setTyped(value);
    }
  }
  const search = useCallback(
    (words: string) => {
      setTold(words);
      onSearch(words);
    },
    [onSearch],
  );
  useEffect(() => {
    if (typed.trim() === told) return;
    const timer = setTimeout(() => search(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, told, search]);
  const onChange = (next: string) => {
    setTyped(next);
    if (Math.abs(next.length - typed.length) > 1 && next.trim() !== told) search(next.trim());
  };
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
    <SearchField
      aria-label={label}
      value={typed}
      onChange={onChange}
      onSubmit={(words) => words.trim() !== told && search(words.trim())}
      className="search"
    >
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
