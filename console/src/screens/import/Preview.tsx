import { ArrowRight, Lock } from "lucide-react";
import { text } from "../../text";
import type { SourceRow } from "./data";
import { MarkTag } from "./MarkTag";
import { type Mark, words } from "./text";

const shown = (value: unknown): string => {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return String(value);
};

/** What an import of one person would change, then the rest of the record. */
export function Preview({ row, hidden }: { row: SourceRow | undefined; hidden: readonly string[] }) {
  if (!row)
    return (
      <aside className="source-preview" aria-label={words.preview}>
        <p className="muted">{words.pick}</p>
      </aside>
    );
  const changes = Object.entries(row.changes ?? {});
  const rest = Object.entries(row.values ?? {}).filter(
    ([field, value]) => !(field in (row.changes ?? {})) && value !== null && value !== "",
  );
  const hiddenChanges = row.hidden ?? [];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <aside className="source-preview" aria-label={words.preview} tabIndex={0}>
      <header>
        <strong>{row.name || words.noName(row.remote_id)}</strong>
        <MarkTag mark={row.mark as Mark} />
      </header>
      {row.mark === "unreadable" && (
        <>
          <h3>{words.notReadable}</h3>
          <p>{row.reason_text}</p>
        </>
      )}
      {row.mark === "new" && <h3>{words.isNew}</h3>}
      {row.mark === "staged" && <h3>{words.same}</h3>}
      {row.mark === "changed" && (
        <>
          <h3>{changes.length + hiddenChanges.length > 0 ? words.would : words.readableAgain}</h3>
          <dl className="preview-values changed">
            {changes.map(([field, change]) => (
              <div key={field}>
                <dt>{text.history.field(field)}</dt>
                <dd>
                  <del>{shown(change.before)}</del>
                  <ArrowRight size={13} aria-label={text.history.became} />
                  <ins>{shown(change.after)}</ins>
                </dd>
              </div>
            ))}
            {hiddenChanges.map((field) => (
              <Hidden key={field} field={field} />
            ))}
          </dl>
        </>
      )}
      {rest.length > 0 && (
        <>
          <h3 className="ruled">{changes.length > 0 ? words.rest : words.whole}</h3>
          <dl className="preview-values">
            {rest.map(([field, value]) => (
              <div key={field}>
                <dt>{text.history.field(field)}</dt>
                <dd>{shown(value)}</dd>
              </div>
            ))}
            {hidden
              .filter((field) => !hiddenChanges.includes(field))
              .map((field) => (
                <Hidden key={field} field={field} />
              ))}
          </dl>
        </>
      )}
    </aside>
  );
}

const Hidden = ({ field }: { field: string }) => (
  <div>
    <dt>{text.history.field(field)}</dt>
    <dd className="muted">
      <Lock size={13} aria-hidden="true" /> {text.history.hidden}
    </dd>
  </div>
);
