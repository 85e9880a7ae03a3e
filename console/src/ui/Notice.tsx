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
  actions: readonly NoticeAction[];
}

/** The last thing that was done, and the last that could not be; neither takes the place of the other. */
interface Notices {
  good: Said | null;
  bad: Said | null;
}

let notices: Notices = { good: null, bad: null };
const listeners = new Set<() => void>();
const GONE_AFTER_MS = 6_000;
const GONE_WITH_ACTIONS_MS = 15_000;

function say(next: Partial<Notices>): void {
  notices = { ...notices, ...next };
  for (const tell of listeners) tell();
}

export const notice = {
  good: (text: string, actions: readonly NoticeAction[] = []) => say({ good: { text, actions } }),
  bad: (text: string) => say({ bad: { text, actions: [] } }),
};

/**
 * What was done is shown for as long as it takes to read, and not taken away while it is pointed at or has the focus;
 * an error stays until it is dismissed. F6 goes to them.
 */
export function Notice() {
  const { good, bad } = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => notices,
  );
  const [held, setHeld] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const cameFrom = useRef<HTMLElement | null>(null);
  const dismiss = (which: keyof Notices) => {
    if (box.current?.contains(document.activeElement)) cameFrom.current?.focus();
    say({ [which]: null });
  };
  useEffect(() => {
    if (!good || held) return;
    const after = good.actions.length > 0 ? GONE_WITH_ACTIONS_MS : GONE_AFTER_MS;
    const timer = setTimeout(() => say({ good: null }), after);
    return () => clearTimeout(timer);
  }, [good, held]);
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
    if (!good && !bad) setHeld(false);
  }, [good, bad]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at it only holds it
    <div
      ref={box}
      className="notices"
      data-react-aria-top-layer="true"
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <div role="status">{good && <Line said={good} onDismiss={() => dismiss("good")} />}</div>
      {bad && (
        <div role="alert">
          <Line said={bad} bad onDismiss={() => dismiss("bad")} />
        </div>
      )}
    </div>
  );
}

function Line({ said, bad = false, onDismiss }: { said: Said; bad?: boolean; onDismiss: () => void }) {
  const Icon = bad ? CircleAlert : CircleCheck;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape on one of its buttons
    <div
      className={bad ? "notice bad" : "notice"}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onDismiss();
      }}
    >
      <Icon size={16} aria-hidden="true" />
      <span>{said.text}</span>
      {said.actions.map(({ label, onPress }) => (
        <Button
          key={label}
          look="text"
          onPress={() => {
            onDismiss();
            onPress();
          }}
        >
          {label}
        </Button>
      ))}
      <Button look="icon" small aria-label={text.runs.dismiss} onPress={onDismiss}>
        <X size={16} aria-hidden="true" />
      </Button>
    </div>
  );
}
