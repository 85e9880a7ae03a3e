import type { ApiError } from "../../api/client";
import { n, text } from "../../text";
import { Button } from "../../ui/Button";
import { Spinner } from "../../ui/State";
import type { Draft, Trial } from "./data";
import { words } from "./text";
import { useSave } from "./useSave";

const ORDER = [
  "excluded",
  "blocked",
  "cleared",
  "created",
  "updated",
  "released",
  "settled",
  "unchanged",
] as const;
const TONE: Record<string, string> = {
  excluded: "held",
  blocked: "failed",
  cleared: "needs_action",
  unchanged: "held",
  settled: "held",
};

interface TrialPanelProps {
  draft: Draft;
  version: number;
  isDirty: boolean;
  trial: Trial | undefined;
  error: ApiError | null;
  isTrying: boolean;
  onDone: () => void;
}

/** What the changes would do, and the button that saves exactly those. */
export function TrialPanel({ draft, version, isDirty, trial, error, isTrying, onDone }: TrialPanelProps) {
  const save = useSave(draft, version, onDone);
  return (
    <section className="panel trial" aria-label={words.trial.title}>
      <header>
        <h2>{words.trial.title}</h2>
        {trial && isDirty && (
          <span className="muted">{words.trial.records(trial.records, trial.complete)}</span>
        )}
      </header>
      {!isDirty && <p className="muted">{words.trial.nothing}</p>}
      {isDirty && isTrying && (
        <p className="muted" role="status">
          <Spinner /> {words.trial.running}
        </p>
      )}
      {isDirty && error && !isTrying && <p role="alert">{text.errors.message(error.message)}</p>}
      {isDirty && trial && !isTrying && (
        <>
          <p className="muted">{words.trial.against(version)}</p>
          <div role="status">
            <ul className="effects">
              {ORDER.filter((effect) => (trial.counts[effect] ?? 0) > 0).map((effect) => (
                <Effect key={effect} effect={effect} trial={trial} />
              ))}
            </ul>
          </div>
        </>
      )}
      <span className="bar-space" />
      <p className="muted">{words.trial.safe}</p>
      <div className="trial-actions">
        <Button isDisabled={!isDirty} onPress={onDone}>
          {words.trial.discard}
        </Button>
        <Button
          look="primary"
          isDisabled={!isDirty || !trial || isTrying || error !== null}
          isPending={save.isPending}
          onPress={() => save.mutate()}
        >
          {words.trial.save(version + 1)}
        </Button>
      </div>
    </section>
  );
}

function Effect({ effect, trial }: { effect: string; trial: Trial }) {
  const found = trial.items.filter((one) => one.effect === effect);
  const count = (trial.counts as Record<string, number>)[effect] ?? 0;
  const head = (
    <>
      <strong>{n(count)}</strong>
      <span className={`dotted ${TONE[effect] ?? "needs_sync"}`}>{words.trial.effects[effect]}</span>
    </>
  );
  if (found.length === 0) return <li className="effect">{head}</li>;
  return (
    <li>
      <details>
        <summary className="effect">{head}</summary>
        <ul className="effect-list">
          {found.map((one) => (
            <li key={one.record_id}>
              {one.name} {one.number && <span className="muted">{one.number}</span>}
              <span className="muted">
                {one.reason_text ||
                  Object.entries(one.fields ?? {})
                    .slice(0, 3)
                    .map(
                      ([field, c]) => `${text.history.field(field)}: ${c.before ?? "–"} → ${c.after ?? "–"}`,
                    )
                    .join(", ")}
              </span>
            </li>
          ))}
          {found.length < count && <li className="muted">{words.trial.more}</li>}
        </ul>
      </details>
    </li>
  );
}
