import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type Comparison, comparison, type PartView } from "../../api/mapping";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Spinner } from "../../ui/State";
import type { Person } from "./Candidates";
import { plain, signed, Weight } from "./Meter";
import { words } from "./text";

interface CompareProps {
  record: string;
  number: string | null;
  person: Person | null;
  couldChange: readonly string[];
  hidden: readonly string[];
  onNotSame: (() => void) | null;
  busy: boolean;
}

/** The fields that a sync would write after these two are linked, by name. */
export const differing = (compared: Comparison | undefined) =>
  (compared?.fields ?? [])
    .filter((one) => one.equal === false || (one.source !== null && one.destination === null))
    .map((one) => text.history.field(one.field).toLowerCase());

/** The chosen pair field by field, what each field says, and what saving will do. */
export function Compare({ record, number, person, couldChange, hidden, onNotSame, busy }: CompareProps) {
  const { id, route } = useCompany();
  const found = useQuery({
    ...comparison(id, record, person?.record_id ?? ""),
    enabled: person !== null,
  });
  if (!person)
    return (
      <section className="case-compare" aria-label={words.sideBySide}>
        <p className="muted centre">{words.chooseFirst}</p>
      </section>
    );
  const parts = person.parts ?? [];
  return (
    <section className="case-compare" aria-label={words.sideBySide}>
      <div className="case-head">
        <h3>{words.sideBySide}</h3>
        {onNotSame && (
          <Button small onPress={onNotSame} isDisabled={busy}>
            <X size={14} aria-hidden="true" />
            {words.notSame}
          </Button>
        )}
      </div>
      <table className="compare">
        <thead>
          <tr>
            <th scope="col">{words.field}</th>
            <th scope="col">{[route?.source, number].filter(Boolean).join(" ")}</th>
            <th scope="col">{`${route?.destination ?? ""} #${person.remote_id}`}</th>
            <th scope="col">{words.inWords}</th>
            {parts.some((part) => part.bits != null) && <th scope="col">{words.weight}</th>}
          </tr>
        </thead>
        <tbody>
          {parts.length > 0
            ? parts.map((part) => <PartRow key={part.field} part={part} hidden={hidden} />)
            : found.data?.fields.map((one) => (
                <FieldRow key={one.field} one={one} hidden={found.data.hidden ?? []} />
              ))}
          {person.start != null && (
            <tr>
              <th scope="row">{words.start}</th>
              <td className="empty" />
              <td className="empty" />
              <td className="says">{words.startWords}</td>
              <td>
                <Weight bits={person.start} />
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {found.isPending && <Spinner />}
      {person.bits != null && (
        <p className="sum">
          <b>{words.sum(signed(person.bits))}</b>{" "}
          {person.link_bits != null && words.bound(plain(person.link_bits))}
        </p>
      )}
      <div className="note">
        {(person.vetoes ?? []).length > 0 && (
          <p>
            <b>{words.holdsBack}</b> {person.vetoes?.map((veto) => veto.text).join(" ")}
          </p>
        )}
        {couldChange.length > 0 && (
          <p>
            <b>{words.wouldChange}</b> {couldChange.join(" ")}
          </p>
        )}
        {person.linked_to !== record && (
          <p className="muted">
            {words.willLink} {found.data && words.willDiffer(differing(found.data))}
          </p>
        )}
      </div>
    </section>
  );
}

function PartRow({ part, hidden }: { part: PartView; hidden: readonly string[] }) {
  const masked = hidden.includes(part.field);
  const differs = part.source !== part.destination && part.source != null && part.destination != null;
  return (
    <tr>
      <th scope="row">{text.history.field(part.field)}</th>
      <Value value={part.source} masked={masked} />
      <Value value={part.destination} masked={masked} loud={differs} />
      <td className="says">{part.level === "missing" ? words.saysNothing : part.text}</td>
      {part.bits != null && (
        <td>
          <Weight bits={part.bits} />
        </td>
      )}
    </tr>
  );
}

function FieldRow({ one, hidden }: { one: Comparison["fields"][number]; hidden: readonly string[] }) {
  const masked = hidden.includes(one.field);
  const says = one.equal === null ? words.oneSided : one.equal ? words.equal : words.differs;
  return (
    <tr>
      <th scope="row">{text.history.field(one.field)}</th>
      <Value value={one.source} masked={masked} />
      <Value value={one.destination} masked={masked} loud={one.equal === false} />
      <td className="says">{says}</td>
    </tr>
  );
}

function Value({
  value,
  masked,
  loud,
}: {
  value: string | null | undefined;
  masked: boolean;
  loud?: boolean;
}) {
  if (value === null || value === undefined)
    return (
      <td>
        <i className="muted">{masked ? words.hidden : words.missing}</i>
      </td>
    );
  return <td>{loud ? <mark>{value}</mark> : value}</td>;
}
