import { useQuery } from "@tanstack/react-query";
import { Ban, RotateCcw, UserPlus } from "lucide-react";
import type { Candidates } from "../../api/mapping";
import { json } from "../../api/queries";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Breakable } from "../../ui/Breakable";
import { Button } from "../../ui/Button";
import { words } from "./text";

/** What tells people apart, in the order in which one looks. */
const SHOWN = ["email", "mobile", "phone", "birth_date", "hire_date", "end_date", "title", "department"];
const ADDRESS = ["address_line1", "address_line2", "address_city", "address_state", "address_postal_code"];

/** Name and value of each field that has one; the address in one line. */
function factsOf(staged: Record<string, unknown>): [string, string][] {
  const address = ADDRESS.map((field) => staged[field]).filter(Boolean);
  const facts = SHOWN.map((field): [string, unknown] => [text.history.field(field), staged[field]]);
  return [...facts, [words.address, address.join(", ")] as [string, unknown]]
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([field, value]) => [field, String(value)]);
}

interface SourceProps {
  found: Candidates;
  onCreate: () => void;
  onExclude: () => void;
  onInclude: () => void;
  busy: boolean;
}

/** The record that needs a decision, why, and the ways out that name nobody. */
export function Source({ found, onCreate, onExclude, onInclude, busy }: SourceProps) {
  const { id, route, mayChange } = useCompany();
  const staged = useQuery(json(id, found.record.record_id)).data?.staged ?? {};
  const facts = factsOf(staged as Record<string, unknown>);
  return (
    <section className="case-source" aria-label={words.source(route?.sourceLong ?? "")}>
      <div>
        <p className="label">{words.source(route?.sourceLong ?? "")}</p>
        <h3 className="case-name" id="case-name" tabIndex={-1}>
          {found.record.name || text.employees.noName}
        </h3>
        <p className="muted num">{found.record.number ?? words.noNumber}</p>
      </div>
      <Why found={found} />
      <dl className="case-facts">
        {facts.map(([field, value]) => (
          <div key={field}>
            <dt>{field}</dt>
            <dd>
              <Breakable words={value} />
            </dd>
          </div>
        ))}
      </dl>
      {mayChange && (
        <div className="case-else">
          {found.excluded_for ? (
            <Button onPress={onInclude} isDisabled={busy}>
              <RotateCcw size={16} aria-hidden="true" />
              {words.include}
            </Button>
          ) : (
            <>
              {!found.linked_to && (
                <>
                  <span className="label">{words.noneOfThem}</span>
                  <Button onPress={onCreate} isDisabled={busy}>
                    <UserPlus size={16} aria-hidden="true" />
                    {words.create(route?.destination ?? "")}
                  </Button>
                </>
              )}
              <Button onPress={onExclude} isDisabled={busy}>
                <Ban size={16} aria-hidden="true" />
                {words.exclude}
              </Button>
            </>
          )}
        </div>
      )}
    </section>
  );
}

function Why({ found }: { found: Candidates }) {
  const linked = found.candidates.find((one) => one.record_id === found.linked_to);
  const asked = !found.linked_to && !found.excluded_for && found.reason_text;
  return (
    <div className={asked ? "note loud" : "note"}>
      <b>{asked ? words.why : words.settled}</b>
      {found.excluded_for && <p>{words.excludedFor(found.excluded_for)}</p>}
      {linked && <p>{words.linkedTo(linked.name, linked.remote_id)}</p>}
      {found.reason_text && (
        <p>
          {found.reason_text} {found.fix}
        </p>
      )}
      {!found.excluded_for && !linked && !found.reason_text && <p>{words.free}</p>}
      {found.postponed_at && <p>{words.postponed}</p>}
    </div>
  );
}
