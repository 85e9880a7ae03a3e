import { useRouter } from "@tanstack/react-router";
import { useCallback, useEffect, useRef } from "react";

/**
 * A dialog whose record stands in the address: opening adds a step to the history, and closing goes back by it, so that
 * Back closes the dialog and never opens one again. One that was opened by a link is closed in its place.
 */
export function useDialogAddress(
  isOpen: boolean,
  show: (record: string | undefined, replace: boolean) => void,
): { open: (record: string) => void; go: (record: string) => void; close: () => void } {
  const router = useRouter();
  const stepped = useRef(false);
  useEffect(() => {
    if (!isOpen) stepped.current = false;
  }, [isOpen]);
  const open = useCallback(
    (record: string) => {
      stepped.current = true;
      show(record, false);
    },
    [show],
  );
  const go = useCallback((record: string) => show(record, true), [show]);
  const close = useCallback(() => {
    if (stepped.current) router.history.back();
    else show(undefined, true);
    stepped.current = false;
  }, [router, show]);
  return { open, go, close };
}
