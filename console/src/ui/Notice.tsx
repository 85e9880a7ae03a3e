import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";
import { text } from "../text";
import { Button } from "./Button";

interface Said {
  text: string;
  bad: boolean;
}

let said: Said | null = null;
const listeners = new Set<() => void>();
const GONE_AFTER_MS = 6_000;

function say(next: Said | null): void {
  said = next;
  for (const tell of listeners) tell();
}

export const notice = {
  good: (words: string) => say({ text: words, bad: false }),
  bad: (words: string) => say({ text: words, bad: true }),
};

/** The last thing there was to say, for as long as it takes to read; an error stays until it is dismissed. */
export function Notice() {
  const now = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => said,
  );
  useEffect(() => {
    if (!now || now.bad) return;
    const timer = setTimeout(() => say(null), GONE_AFTER_MS);
    return () => clearTimeout(timer);
  }, [now]);
  return (
    <div
      className="notices"
      role={now?.bad ? "alert" : "status"}
      aria-live={now?.bad ? "assertive" : "polite"}
    >
      {now && (
        <div className={now.bad ? "notice bad" : "notice"}>
          {now.bad ? (
            <CircleAlert size={17} aria-hidden="true" />
          ) : (
            <CircleCheck size={17} aria-hidden="true" />
          )}
          <span>{now.text}</span>
          <Button look="icon" aria-label={text.runs.dismiss} onPress={() => say(null)}>
            <X size={16} aria-hidden="true" />
          </Button>
        </div>
      )}
    </div>
  );
}
