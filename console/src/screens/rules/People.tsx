import { Plus, X } from "lucide-react";
import { useState } from "react";
import type { components } from "../../api/schema";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import type { Draft, RulesView } from "./data";
import { words } from "./text";

type Condition = components["schemas"]["Condition"];

interface PeopleProps {
  view: RulesView;
  draft: Draft;
  onChange: ((draft: Draft) => void) | null;
}

/** What people can be chosen by: whether they are active, and every text that the source holds. */
const fieldsOf = (view: RulesView) => [
  "active",
  ...new Set((view.fields ?? []).filter((one) => one.kind === "text").flatMap((one) => one.sources ?? [])),
];

const valuesOf = (typed: string) => typed.split(",").map((one) => one.trim());

/** Who takes part, and what a new person is called whose name is taken. */
export function People({ view, draft, onChange }: PeopleProps) {
  const { scope = [], same_name = "" } = draft.rules;
  const p = words.people;
  const put = (next: Condition[]) => onChange?.({ ...draft, rules: { ...draft.rules, scope: next } });
  return (
    <div className="rules-scroll people">
      <fieldset>
        <legend>{p.scope}</legend>
        <p className="muted">{p.scopeHint}</p>
        {scope.length === 0 && <p>{p.everybody}</p>}
        {scope.map((one, at) => (
          <ConditionRow
            // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no name of their own
            key={at}
            at={at + 1}
            fields={fieldsOf(view)}
            one={one}
            off={onChange === null}
            onChange={(next) => put(scope.map((old, i) => (i === at ? next : old)))}
            onRemove={() => put(scope.filter((_, i) => i !== at))}
          />
        ))}
        {onChange && (
          <Button
            look="text"
            onPress={() => put([...scope, { field: "active", values: ["true"], excluded: false }])}
          >
            <Plus size={16} aria-hidden="true" /> {p.add}
          </Button>
        )}
      </fieldset>
      <fieldset>
        <legend>{p.name}</legend>
        <p className="muted">{p.nameHint}</p>
        <input
          aria-label={p.name}
          value={same_name}
          placeholder={p.nameNone}
          disabled={onChange === null}
          maxLength={200}
          onChange={(e) => onChange?.({ ...draft, rules: { ...draft.rules, same_name: e.target.value } })}
        />
      </fieldset>
    </div>
  );
}

interface RowProps {
  at: number;
  fields: string[];
  one: Condition;
  off: boolean;
  onChange: (next: Condition) => void;
  onRemove: () => void;
}

function ConditionRow({ at, fields, one, off, onChange, onRemove }: RowProps) {
  const p = words.people;
  const [typed, setTyped] = useState(one.values.join(", "));
  const choose = (field: string) => {
    const values = field === "active" ? ["true"] : [""];
    setTyped(values.join(", "));
    onChange({ ...one, field, values });
  };
  return (
    <div className="condition">
      <select
        aria-label={p.field(at)}
        value={one.field}
        disabled={off}
        onChange={(e) => choose(e.target.value)}
      >
        {fields.map((field) => (
          <option key={field} value={field}>
            {text.history.field(field)}
          </option>
        ))}
      </select>
      <select
        aria-label={p.how(at)}
        value={one.excluded ? "not" : "is"}
        disabled={off}
        onChange={(e) => onChange({ ...one, excluded: e.target.value === "not" })}
      >
        <option value="is">{p.is}</option>
        <option value="not">{p.isNot}</option>
      </select>
      {one.field === "active" ? (
        <select
          aria-label={p.values(at)}
          value={one.values[0]}
          disabled={off}
          onChange={(e) => onChange({ ...one, values: [e.target.value] })}
        >
          <option value="true">{p.yes}</option>
          <option value="false">{p.no}</option>
        </select>
      ) : (
        <input
          aria-label={p.values(at)}
          title={p.valuesHint}
          placeholder={p.empty}
          value={typed}
          disabled={off}
          onChange={(e) => {
            setTyped(e.target.value);
            onChange({ ...one, values: valuesOf(e.target.value) });
          }}
        />
      )}
      {!off && (
        <Button look="icon" aria-label={p.remove(at)} onPress={onRemove}>
          <X size={16} aria-hidden="true" />
        </Button>
      )}
    </div>
  );
}
