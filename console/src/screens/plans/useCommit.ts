import { useEffect, useRef, useState } from "react";

const SETTLE_MS = 800;

/**
 * Guards a button that commits: it takes nothing for a moment after what it would commit has come into view or changed
 * (`what`), so the second of two clicks or Enters never commits, and nothing while the first press is in flight.
 */
export function useCommit(what: string, act: () => Promise<unknown>) {
  const [armed, setArmed] = useState("");
  const busy = useRef(false);
  const [pending, setPending] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setArmed(what), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [what]);
  const press = () => {
    if (armed !== what || busy.current) return;
    busy.current = true;
    setPending(true);
    void act().finally(() => {
      busy.current = false;
      setPending(false);
    });
  };
  return { armed: armed === what, pending, press };
}
