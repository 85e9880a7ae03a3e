import { useQuery } from "@tanstack/react-query";
import { recentRuns } from "../../api/queries";
import { useCompany } from "../../company";
import { Button } from "../../ui/Button";
import { Spinner } from "../../ui/State";
import { CancelButton } from "./CancelButton";
import { Bar, summed } from "./Result";
import { isOver, partsOf, words } from "./text";

/** What runs now, above everything else. */
export function Running({ onOpen }: { onOpen: (run: string) => void }) {
  const { id, route } = useCompany();
  const found = useQuery(recentRuns(id)).data?.items ?? [];
  const run = found.find((one) => !isOver(one));
  if (!run || !route) return null;
  const title = words.long(run, route.source, route.destination);
  const parts = partsOf(run);
  const total = run.counts.total ?? 0;
  const left = Math.max(0, total - summed(parts));
  const reading = run.kind === "import";
  return (
    <section className="running" aria-label={words.running(title)}>
      <Spinner />
      <Button look="text" onPress={() => onOpen(run.run_id)}>
        {words.running(title)}
      </Button>
      <span className="muted" role="status">
        {reading
          ? words.reading(run.counts.read ?? 0, total)
          : [...parts.map((part) => part.words), words.toGo(left)].join(" · ")}
      </span>
      {total > 0 && <Bar parts={parts} total={total} label={title} />}
      <span className="bar-space" />
      <CancelButton run={run} />
    </section>
  );
}
