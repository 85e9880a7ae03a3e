import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, GitCompareArrows } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type Candidates, candidates, cases, comparison, type DecisionInput } from "../../api/mapping";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Failed } from "../../ui/Failed";
import { Spinner } from "../../ui/State";
import { CandidateList, isFree, type Person } from "./Candidates";
import { Compare, differing } from "./Compare";
import { Confirm } from "./Confirm";
import { Source } from "./Source";
import { words } from "./text";
import { useDecide } from "./useDecide";
import "../../ui/Status.css";
import "./MappingDialog.css";

interface MappingProps {
  record: string;
  onGo: (record: string) => void;
  onClose: () => void;
}

/** The cases around this one; those left for later come last. */
function useCases(company: string, record: string) {
  const found = useInfiniteQuery(cases(company, "", null)).data;
  const all = found?.pages.flatMap((page) => page.items) ?? [];
  const order = [...all.filter((one) => !one.postponed_at), ...all.filter((one) => one.postponed_at)];
  const ids = order.map((one) => one.record.record_id);
  const at = ids.indexOf(record);
  const others = ids.filter((one) => one !== record);
  return {
    at,
    total: found?.pages[0]?.total ?? 0,
    next: others.length === 0 ? null : (ids[at + 1] ?? others[0] ?? null),
    previous: at > 0 ? (ids[at - 1] ?? null) : null,
  };
}

/** Where a person decides who a source record is at the destination. Nothing is linked before Save. */
export default function MappingDialog({ record, onGo, onClose }: MappingProps) {
  const { id: company } = useCompany();
  const found = useQuery(candidates(company, record));
  const around = useCases(company, record);
  const [goOn, setGoOn] = useState(true);
  const first = useRef(record);
  useEffect(() => {
    if (!found.data || record === first.current) return;
    // After a dialog that asked has given the focus back to a button that is gone.
    const timer = setTimeout(() => document.getElementById("case-name")?.focus(), 100);
    return () => clearTimeout(timer);
  }, [record, found.data]);
  const move = (to: string | null) => to !== null && onGo(to);
  const onDone = () => (goOn && around.next !== null ? onGo(around.next) : onClose());
  return (
    <Dialog
      size="wide"
      title={words.dialog}
      subtitle={around.at >= 0 && words.position(around.at + 1, around.total)}
      onClose={onClose}
      actions={
        <>
          <Button small isDisabled={around.previous === null} onPress={() => move(around.previous)}>
            <ChevronLeft size={16} aria-hidden="true" />
            {words.previous}
          </Button>
          <Button small isDisabled={around.next === null} onPress={() => move(around.next)}>
            {words.next}
            <ChevronRight size={16} aria-hidden="true" />
          </Button>
        </>
      }
    >
      {found.isPending && (
        <div className="centre">
          <Spinner size={20} />
        </div>
      )}
      {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
      {found.data && (
        <Case
          key={record}
          found={found.data}
          goOn={goOn}
          onGoOn={setGoOn}
          onDone={onDone}
          onGo={onGo}
          next={around.next}
          previous={around.previous}
        />
      )}
    </Dialog>
  );
}

interface CaseProps {
  found: Candidates;
  goOn: boolean;
  onGoOn: (goOn: boolean) => void;
  onDone: () => void;
  onGo: (record: string) => void;
  next: string | null;
  previous: string | null;
}

type Asking = "push" | "create" | "exclude" | null;

function Case({ found, goOn, onGoOn, onDone, onGo, next, previous }: CaseProps) {
  const { id: company, route, mayChange } = useCompany();
  const record = found.record.record_id;
  const name = found.record.name || text.employees.noName;
  const linked = found.candidates.find((one) => one.record_id === found.linked_to) ?? null;
  const [picked, setPicked] = useState<Person | null>(null);
  const [asking, setAsking] = useState<Asking>(null);
  const decide = useDecide();
  const person = picked ?? linked;
  const compared = useQuery({
    ...comparison(company, record, person?.record_id ?? ""),
    enabled: person !== null,
  }).data;
  const mayLink = mayChange && picked !== null && picked.record_id !== found.linked_to && !found.excluded_for;
  const system = route?.destinationLong ?? "";

  const take = (
    body: Omit<DecisionInput, "then_push"> & { then_push?: boolean },
    says: string,
    stay = false,
  ) => {
    if (decide.isPending) return;
    setAsking(null);
    const more = goOn || next === null ? [] : [{ label: words.next, onPress: () => onGo(next) }];
    const asked = { record, name, body: { link_rev: found.link_rev, ...body }, says, actions: more };
    decide.mutate(asked, { onSuccess: () => (stay ? setPicked(null) : onDone()) });
  };
  const save = (push = false) => {
    if (!mayLink || !picked) return;
    const says = push ? words.done.pushed(name, picked.remote_id) : words.done.link(name, picked.remote_id);
    take({ decision: "link", destination_record_id: picked.record_id, then_push: push }, says);
  };
  const notSame = () =>
    picked &&
    take({ decision: "not_same", destination_record_id: picked.record_id }, words.done.not_same(name), true);

  const press = { save, next, previous, onGo, choose: setPicked };
  const now = useRef(press);
  now.current = press;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { save, next, previous, onGo, choose } = now.current;
      if (document.querySelector("[role=alertdialog]")) return;
      if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
        event.preventDefault();
        return save();
      }
      const to = event.key === "ArrowRight" ? next : event.key === "ArrowLeft" ? previous : null;
      if (event.altKey && to) {
        event.preventDefault();
        return onGo(to);
      }
      const typing = (event.target as HTMLElement).closest("input[type=search], input[type=text], textarea");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
      const wanted = found.candidates[Number(event.key) - 1];
      if (wanted && isFree(wanted, record)) choose(wanted);
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, [found.candidates, record]);

  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div className="case" tabIndex={0}>
        <Source
          found={found}
          busy={decide.isPending}
          onCreate={() => setAsking("create")}
          onExclude={() => setAsking("exclude")}
          onInclude={() => take({ decision: "include" }, words.done.include(name), true)}
        />
        <CandidateList
          record={record}
          candidates={found.candidates}
          more={found.more}
          chosen={person?.record_id ?? null}
          onChoose={setPicked}
          onSee={onGo}
        />
        <Compare
          record={record}
          number={found.record.number}
          person={person}
          couldChange={found.could_change}
          hidden={found.hidden}
          onNotSame={mayChange && picked && picked.record_id !== found.linked_to ? notSame : null}
          busy={decide.isPending}
        />
      </div>
      <footer className="dialog-foot case-foot">
        <Box isSelected={goOn} onChange={onGoOn}>
          {words.goOn}
        </Box>
        <span className="label keys">{words.keys}</span>
        <span className="bar-space" />
        {mayChange && !found.linked_to && !found.excluded_for && (
          <Button
            look="quiet"
            isDisabled={decide.isPending}
            onPress={() => take({ decision: "later" }, words.done.later(name))}
          >
            {words.later}
          </Button>
        )}
        {mayChange && found.linked_to && (
          <Button
            isDisabled={decide.isPending}
            onPress={() => take({ decision: "unlink" }, words.done.unlink(name), true)}
          >
            {words.unlink}
          </Button>
        )}
        <Button isDisabled={!mayLink || decide.isPending} onPress={() => setAsking("push")}>
          {words.savePush}
        </Button>
        <Button look="primary" isDisabled={!mayLink} isPending={decide.isPending} onPress={() => save()}>
          {decide.isPending ? <Spinner /> : <GitCompareArrows size={16} aria-hidden="true" />}
          {words.save}
        </Button>
      </footer>
      {asking === "push" && picked && (
        <Confirm
          title={words.push.title(picked.name, picked.remote_id)}
          yes={words.push.yes}
          onYes={() => save(true)}
          onClose={() => setAsking(null)}
        >
          <p>{words.push.writes(differing(compared), system)}</p>
        </Confirm>
      )}
      {asking === "create" && (
        <Confirm
          title={words.newRecord.title(name, system)}
          yes={words.newRecord.yes}
          onYes={() => take({ decision: "create" }, words.done.create(name, system))}
          onClose={() => setAsking(null)}
        >
          <p>{words.newRecord.lead}</p>
        </Confirm>
      )}
      {asking === "exclude" && (
        <Confirm
          title={words.reason.title(name)}
          yes={words.reason.yes}
          reason={words.reason.label}
          onYes={(reason) => take({ decision: "exclude", reason }, words.done.exclude(name))}
          onClose={() => setAsking(null)}
        >
          <p>{words.reason.lead}</p>
        </Confirm>
      )}
    </>
  );
}
