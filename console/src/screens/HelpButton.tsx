import { useQuery } from "@tanstack/react-query";
import { CircleHelp } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { companies } from "../api/queries";
import { routeOf } from "../company";
import { text } from "../text";
import { Button } from "../ui/Button";

const HelpPanel = lazy(() => import("./HelpPanel"));

/** Opens the help; so does "?". */
export function HelpButton({ company }: { company: string }) {
  const [open, setOpen] = useState(false);
  const from = useRef<Element | null>(null);
  const show = () => {
    from.current = document.activeElement;
    setOpen(true);
  };
  useEffect(() => {
    const back = from.current;
    if (open || !(back instanceof HTMLElement)) return;
    // Once the panel is gone and the page can take the focus again: react-aria lets go of it in the frame after.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => back.focus());
    });
    return () => cancelAnimationFrame(frame);
  }, [open]);
  const view = useQuery(companies).data?.find((one) => one.company_id === company);
  const route = view && routeOf(view);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "?" || target.closest("input, textarea, [role=dialog], [role=alertdialog]")) return;
      event.preventDefault();
      from.current = document.activeElement;
      setOpen(true);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Button look="icon" aria-label={text.nav.help} onPress={show}>
        <CircleHelp size={18} aria-hidden="true" />
      </Button>
      <Suspense>
        {open && (
          <HelpPanel
            company={company}
            name={view?.name ?? ""}
            source={route?.source ?? text.nav.source}
            destination={route?.destination ?? text.nav.destination}
            onClose={() => setOpen(false)}
          />
        )}
      </Suspense>
    </>
  );
}
