import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Radio, RadioGroup } from "react-aria-components/RadioGroup";
import { type CandidateView, directory, type PersonView } from "../../api/mapping";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Search } from "../../ui/Search";
import { Spinner } from "../../ui/State";
import { Meter } from "./Meter";
import { saysOf } from "./says";
import { words } from "./text";

export type Person = PersonView & Partial<CandidateView>;

interface CandidatesProps {
  record: string;
  candidates: readonly CandidateView[];
  more: number;
  chosen: string | null;
  onChoose: (person: Person) => void;
  onSee: (record: string) => void;
}

/** Whether this destination record may be chosen for the source record. */
export const isFree = (person: Person, record: string) => !person.linked_to || person.linked_to === record;

/** Who it may be, best first; or whoever at the destination matches a search. */
export function CandidateList({ record, candidates, more, chosen, onChoose, onSee }: CandidatesProps) {
  const { id, route } = useCompany();
  const [q, setQ] = useState("");
  const found = useQuery({ ...directory(id, q), enabled: q !== "" });
  const known = new Map(candidates.map((one) => [one.record_id, one]));
  const people: readonly Person[] =
    q === "" ? candidates : (found.data ?? []).map((one) => known.get(one.record_id) ?? one);
  const bound = candidates.find((one) => one.link_bits != null)?.link_bits;
  const nobody = q === "" ? words.none(route?.destinationLong ?? "") : words.notFound;
  return (
    <section className="case-candidates" aria-label={words.choose}>
      <div className="case-head">
        <h3 aria-live="polite">
          {q === ""
            ? words.candidates(route?.destination ?? "", candidates.length)
            : words.found(people.length)}
        </h3>
        {bound !== undefined && <span className="label">{words.mark}</span>}
      </div>
      <Search label={words.search(route?.destination ?? "")} value={q} onSearch={setQ} inDialog />
      {q !== "" && found.isFetching && people.length === 0 && <Spinner />}
      {people.length === 0 && !found.isFetching && <p className="muted">{nobody}</p>}
      <RadioGroup
        aria-label={words.choose}
        className="candidates"
        value={chosen}
        onChange={(value) => {
          const person = people.find((one) => one.record_id === value);
          if (person) onChoose(person);
        }}
      >
        {people.map((person) => (
          <Candidate key={person.record_id} person={person} record={record} onSee={onSee} />
        ))}
      </RadioGroup>
      {q === "" && more > 0 && <p className="muted">{words.more(route?.destination ?? "", more)}</p>}
    </section>
  );
}

function Candidate({
  person,
  record,
  onSee,
}: { person: Person; record: string } & Pick<CandidatesProps, "onSee">) {
  const free = isFree(person, record);
  const state = person.active ? words.active : <b className="tone">{words.inactive}</b>;
  return (
    <div className={`candidate needs_action${free ? "" : " taken"}`}>
      <Radio value={person.record_id} isDisabled={!free} className="candidate-radio">
        <span className="radio" />
        <span className="candidate-text">
          <span className="candidate-head">
            <span className="candidate-name">{person.name || text.employees.noName}</span>
            <Meter bits={person.bits} link={person.link_bits} />
          </span>
          <small className="muted num">
            #{person.remote_id} · {state} · {person.number ?? words.noNumber}
            {person.email && ` · ${person.email}`}
          </small>
          <Says person={person} />
        </span>
      </Radio>
      {!free && person.linked_to && (
        <p className="candidate-taken">
          {words.taken}{" "}
          <button type="button" className="link" onClick={() => onSee(person.linked_to ?? "")}>
            {words.seeHolder}
          </button>
        </p>
      )}
    </div>
  );
}

/** One line for, what is equal before what is only similar, and one against. */
function Says({ person }: { person: Person }): ReactNode {
  const { agree, similar, differ } = saysOf(person.parts ?? []);
  const against = (person.vetoes ?? []).map((veto) => veto.text);
  if (person.refused) against.unshift(words.refused);
  if (agree.length + similar.length + differ.length + against.length === 0) return null;
  return (
    <small className="candidate-says">
      {agree.length > 0 && <span>{words.agree(agree.map(fieldOf))} </span>}
      {similar.length > 0 && <span>{words.similar(similar.map(fieldOf))} </span>}
      {differ.length > 0 && <span>{words.differ(differ.map(fieldOf))} </span>}
      {against.length > 0 && <b className="bad-words">{against.join(" ")}</b>}
    </small>
  );
}

const fieldOf = (field: string) => text.history.field(field).toLowerCase();
