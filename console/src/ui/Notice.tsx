import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { text } from "../text";
import { Button } from "./Button";
import "./Notice.css";

export interface NoticeAction {
  label: string;
  onPress: () => void;
}

interface Said {
  text: string;
  bad: boolean;
  actions: readonly NoticeAction[];
}

let said: Said | null = null;
const listeners = new Set<() => void>();
const GONE_AFTER_MS = 6_000;
const GONE_WITH_ACTIONS_MS = 15_000;

function say(next: Said | null): void {
  said = next;
  for (const tell of listeners) tell();
}

export const notice = {
  good: (words: string, actions: readonly NoticeAction[] = []) => say({ text: words, bad: false, actions }),
  bad: (words: string) => say({ text: words, bad: true, actions: [] }),
};

/**
 * The last thing there was to say, for as long as it takes to read and not while it is pointed at or has the focus;
 * an error stays until it is dismissed. F6 goes to it.
 */
export function Notice() {
  const now = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => said,
  );
  const [held, setHeld] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const cameFrom = useRef<HTMLElement | null>(null);
  const dismiss = () => {
    if (box.current?.contains(document.activeElement)) cameFrom.current?.focus();
    say(null);
  };
  useEffect(() => {
    if (!now || now.bad || held) return;
    const timer = setTimeout(() => say(null), now.actions.length > 0 ? GONE_WITH_ACTIONS_MS : GONE_AFTER_MS);
    return () => clearTimeout(timer);
  }, [now, held]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const button = box.current?.querySelector("button");
      if (event.key !== "F6" || !button) return;
      event.preventDefault();
      if (!box.current?.contains(document.activeElement))
        cameFrom.current = document.activeElement as HTMLElement | null;
      button.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (!now) setHeld(false);
  }, [now]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at it only holds it
    <div
      ref={box}
      className="notices"
      data-react-aria-top-layer="true"
      role={now?.bad ? "alert" : "status"}
      aria-live={now?.bad ? "assertive" : "polite"}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        dismiss();
      }}
    >
      {now && (
        <div className={now.bad ? "notice bad" : "notice"}>
          {now.bad ? (
            <CircleAlert size={16} aria-hidden="true" />
          ) : (
            <CircleCheck size={16} aria-hidden="true" />
          )}
          <span>{now.text}</span>
          {now.actions.map(({ label, onPress }) => (
            <Button
              key={label}
              look="text"
              onPress={() => {
                dismiss();
                onPress();
              }}
            >
              {label}
            </Button>
          ))}
          <Button look="icon" small aria-label={text.runs.dismiss} onPress={dismiss}>
            <X size={16} aria-hidden="true" />
          </Button>
        </div>
      )}
    </div>
  );
}
