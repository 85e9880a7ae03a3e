import { text } from "../../text";
import { Box } from "../../ui/Box";
import {
  type Draft,
  type Entry,
  entryOf,
  type FieldOption,
  plain,
  type RulesView,
  type Trial,
  withEntry,
} from "./data";
import { words } from "./text";

interface MappingProps {
  view: RulesView;
  draft: Draft;
  sample: Trial["sample"];
  onChange: ((draft: Draft) => void) | null;
}

const howOf = (entry: Entry | null) =>
  entry === null
    ? "never"
    : entry.constant != null
      ? "constant"
      : entry.template != null
        ? "template"
        : "source";

/** Which field, constant or template feeds each field of the destination. */
export function Mapping({ view, draft, sample, onChange }: MappingProps) {
  const c = words.columns;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="rules-scroll" tabIndex={0} aria-label={words.tabs.mapping}>
      <table className="rules-table">
        <thead>
          <tr>
            <th scope="col">{c.destination}</th>
            <th scope="col">{c.how}</th>
            <th scope="col">{c.from}</th>
            <th scope="col">{c.mode}</th>
            <th scope="col">{c.clear}</th>
            {sample && <th scope="col">{words.sample(sample.name)}</th>}
          </tr>
        </thead>
        <tbody>
          {(view.fields ?? []).map((option) => (
            <FieldRow
              key={option.field}
              option={option}
              draft={draft}
              sample={sample}
              onChange={onChange}
              base={view}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  option: FieldOption;
  draft: Draft;
  base: RulesView;
  sample: Trial["sample"];
  onChange: ((draft: Draft) => void) | null;
}

function FieldRow({ option, draft, base, sample, onChange }: RowProps) {
  const entry = entryOf(draft, option);
  const how = howOf(entry);
  const name = text.history.field(option.field);
  const before = entryOf({ ...draft, rules: base.rules }, option);
  const moved = JSON.stringify(before) !== JSON.stringify(entry);
  const put = (next: Entry | null) => onChange?.(withEntry(draft, option, next));
  const change = (more: Partial<Entry>) => put({ ...(entry ?? plain(option.field, {})), ...more });
  const start = (next: string) => {
    if (next === "never") put(null);
    else if (next === "source")
      put(plain(option.field, { source: option.source ?? option.sources?.[0] ?? null }));
    else if (next === "constant") put(plain(option.field, { constant: "" }));
    else put(plain(option.field, { template: `{${option.source ?? option.sources?.[0] ?? "number"}}` }));
  };
  const kinds = ["source", "constant", ...(option.kind === "text" ? ["template"] : []), "never"];
  const off = onChange === null;
  return (
    <tr className={moved ? "moved" : undefined}>
      <th scope="row">{name}</th>
      <td>
        <select
          aria-label={words.of(words.columns.how, name)}
          value={how}
          disabled={off}
          onChange={(e) => start(e.target.value)}
        >
          {kinds.map((kind) => (
            <option key={kind} value={kind}>
              {words.how[kind]}
            </option>
          ))}
        </select>
      </td>
      <td>
        {how === "source" && (
          <select
            aria-label={words.of(words.columns.from, name)}
            value={entry?.source ?? ""}
            disabled={off}
            onChange={(e) => change({ source: e.target.value })}
          >
            {(option.sources ?? []).map((one) => (
              <option key={one} value={one}>
                {text.history.field(one)}
              </option>
            ))}
          </select>
        )}
        {(how === "constant" || how === "template") && (
          <input
            aria-label={words.of(words.how[how] ?? "", name)}
            title={how === "template" ? words.templateHint : undefined}
            placeholder={how === "constant" ? words.constantHint : undefined}
            value={(how === "constant" ? entry?.constant : entry?.template) ?? ""}
            disabled={off}
            onChange={(e) => change({ [how]: e.target.value })}
          />
        )}
      </td>
      <td>
        {entry && (
          <select
            aria-label={words.of(words.columns.mode, name)}
            value={entry.mode}
            disabled={off}
            onChange={(e) => change({ mode: e.target.value as Entry["mode"] })}
          >
            {Object.entries(words.modes).map(([mode, label]) => (
              <option key={mode} value={mode}>
                {label}
              </option>
            ))}
          </select>
        )}
      </td>
      <td>
        {entry && (
          <Box
            aria-label={words.of(words.columns.clear, name)}
            isSelected={entry.may_clear}
            isDisabled={off}
            onChange={(may_clear) => change({ may_clear })}
          />
        )}
      </td>
      {sample && <td className="muted">{String(sample.sent[option.field] ?? "–")}</td>}
    </tr>
  );
}
