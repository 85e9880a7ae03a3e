"""The pure cores of three services against a model of both systems, in any order that messages, reads and calls may take.

`MUSTER_TEST_MACHINE=5000 pytest tests/property/test_machine.py` looks at that many courses of events, new ones each time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.mapper.core import facts_of
from shared.contracts.commands import CreateRecord, LinkRecord, Selected, SyncRecords, UnlinkRecord
from shared.contracts.events import (
    Decided,
    EmployeeStaged,
    Message,
    PushPlanned,
    RecordDeleted,
    RecordDisputed,
    RecordLinked,
    RecordStatus,
    StatusChanged,
)
from shared.domain.capabilities import mapped_fields
from shared.domain.reasons import REASONS
from shared.domain.settings import Rules
from shared.domain.values import Cause, Situation, Status
from shared.systems import SYSTEMS
from tests.support.pure import COMMANDS, COMPANY, FATES, HIDDEN, Directory, World

EXAMPLES = os.environ.get("MUSTER_TEST_MACHINE")
pick = st.integers(0, 11)
some = st.integers(1, 4)
fates = st.sampled_from(FATES)
VALUES: dict[str, list[Any]] = {
    "number": [None, "1", "2", "3"],
    "email": [None, "a@x.org", "b@x.org"],
    "first_name": ["Ann", "Anne", "Bert", "Dora", "Egon"],
    "last_name": ["Moss", "Stone", "Fox", "Hale"],
    "suffix": [None, "Jr.", "Sr."],
    "phone": [None, "+12125550101", "+12125550102"],
    "department": [None, "Roads"],
    "active": [True, False],
}
people = st.fixed_dictionaries(
    {"first_name": st.sampled_from(VALUES["first_name"]), "last_name": st.sampled_from(VALUES["last_name"])},
    optional={f: st.sampled_from(VALUES[f]) for f in ("number", "email", "suffix", "phone", "department")},
)
hidden = st.sampled_from([(), (), ("phone",), ("email",)])
edits = st.sampled_from([(name, value) for name, values in VALUES.items() for value in values])
OPEN = (Status.NEEDS_SYNC, Status.FAILED)
kinds = st.sampled_from(["numbers", "tags", "none"])
"""What a system says of its records' versions."""


class Machine(RuleBasedStateMachine):
    """What people, systems, the broker and the workers do; what must hold whatever they do."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World("linarc", rules=Rules())
        self.judged = self.wrote = 0
        self.match_results: dict[UUID, Any] = {}
        self.sync_status: dict[UUID, RecordStatus] = {}
        self.plans: dict[UUID, list[PushPlanned]] = defaultdict(list)
        self.decided: dict[UUID, Any] = {}
        self.wishes: dict[UUID, list[datetime]] = defaultdict(list)
        self.newest: dict[tuple[str, UUID], Any] = {}
        self.applied: dict[tuple[UUID, str], int] = {}
        self.versions: dict[UUID, int] = {}

    @initialize(
        source=st.sampled_from(sorted(SYSTEMS)),
        versions=st.tuples(kinds, kinds),
        auto=st.booleans(),
        confirm=st.booleans(),
        here=st.lists(st.tuples(people, hidden), min_size=1, max_size=3),
        there=st.lists(st.tuples(people, hidden), max_size=2),
        old=st.integers(0, 2),
    )
    def begin(
        self,
        source: str,
        versions: tuple[str, str],
        auto: bool,
        confirm: bool,
        here: Any,
        there: Any,
        old: int,
    ) -> None:
        rules = Rules(auto_create=auto, auto_update=auto, auto_sync=auto, confirm_matches=confirm)
        self.world = World(source, rules=rules, versions=versions)
        for side, many in ((self.world.source, here), (self.world.destination, there)):
            for values, names in many:
                self._hire(side, values, names)
        if old:
            self._read_all(self.world.source)
            self._read_all(self.world.destination)
            self.everything_arrives()
        if old > 1:
            self.work_through("ok", True)

    # people at the two systems

    def _side(self, source: bool) -> Directory:
        return self.world.source if source else self.world.destination

    def _hire(self, side: Directory, values: dict[str, Any], hidden: Sequence[str]) -> None:
        if side.taken(None, values) is None:
            side.hire(values, *hidden)

    def _one(self, side: Directory, n: int) -> str:
        return sorted(side.people)[n % len(side.people)]

    @rule(
        source=st.booleans(),
        n=pick,
        edit=edits,
        notified=st.sampled_from(["not", "at once", "and an older page follows"]),
    )
    def edit(self, source: bool, n: int, edit: tuple[str, Any], notified: str) -> None:
        """Somebody edits a record, and Muster may be notified of it."""
        side, readings = self._side(source), self.world.readings
        if side.people and side.taken(who := self._one(side, n), dict([edit])) is None:
            if notified == "and an older page follows":
                self.world.read(side, Cause.HOOK, who=[who])
            side.edit(who, **dict([edit]))
            self.world.tick()
            if notified != "not":
                self.world.read(side, Cause.HOOK, who=[who])
                self.world.importer.stage(readings.pop())
            if notified == "and an older page follows":
                self.world.importer.stage(readings.pop())

    @rule(
        source=st.booleans(),
        values=people,
        names=hidden,
        n=pick,
        m=pick,
        what=st.sampled_from(["hire", "swap", "hide", "garble", "remove"]),
    )
    def change(
        self, source: bool, values: dict[str, Any], names: Sequence[str], n: int, m: int, what: str
    ) -> None:
        """People come and go and swap numbers; a value, or a record, cannot be seen any more, or can again."""
        side = self._side(source)
        if what == "hire" and len(side.people) < 5:
            self._hire(side, values, names)
        if not side.people:
            return
        one, other = self._one(side, n), self._one(side, m)
        if what == "swap":
            numbers = [side.people[i].values.get("number") for i in (one, other)]
            side.edit(one, number=numbers[1])
            side.edit(other, number=numbers[0])
        elif what == "hide":
            side.people[one].hidden ^= set(names) & side.people[one].values.keys()
        elif what == "garble" and source:
            side.people[one].readable ^= True
        elif what == "remove":
            del side.people[one]
            return
        side.people[one].version += 1

    # reads

    @rule(
        source=st.booleans(),
        n=st.integers(-2, 3),
        cause=st.sampled_from([Cause.HOOK, Cause.IMPORT]),
        staged=st.booleans(),
    )
    def read(self, source: bool, n: int, cause: Cause, staged: bool) -> None:
        """One record, or with n < 0 the whole directory; its answer may come late."""
        side = self._side(source)
        if n < 0:
            self._read_all(side, only_new=source and n < -1)
        elif side.people:
            self.world.read(side, cause if source else Cause.HOOK, who=[self._one(side, n)])
        if staged and self.world.readings:
            self.world.importer.stage(self.world.readings.pop())

    def _read_all(self, side: Directory, *, only_new: bool = False) -> None:
        cause = Cause.IMPORT if side is self.world.source else Cause.READ
        self.world.read(side, cause, only_new=only_new, full=not only_new)

    @precondition(lambda self: self.world.readings)
    @rule(n=pick)
    def stage(self, n: int) -> None:
        readings = self.world.readings
        self.world.importer.stage(readings.pop(n % len(readings)))

    # messages

    @precondition(lambda self: self.world.waiting())
    @rule(n=pick, count=some, again=st.booleans())
    def deliver(self, n: int, count: int, again: bool) -> None:
        waiting = self.world.waiting()
        self._deliver(waiting[n % len(waiting)], count, again=again)

    def _deliver(self, key: tuple[str, str, str, int], count: int, *, again: bool = False) -> None:
        batch = list(self.world.queues[key])[:count]
        for m in batch:
            self._note(key[0], m)
        self.world.deliver(key, count, again=again)
        self._judge()

    @rule(turned=st.booleans())
    def everything_arrives(self, turned: bool = False) -> None:
        """All that was read and published, one queue after the other: the bulk lane first, or last."""
        while self.world.readings:
            self.world.importer.stage(self.world.readings.pop(-turned))
        while waiting := self.world.waiting():
            for key in waiting[:: -1 if turned else 1]:
                self._deliver(key, 100)
            self.sweep()

    def sweep(self) -> None:
        self.world.mapper.sweep()
        self.world.syncer.sweep()

    @rule(
        name=st.sampled_from(["auto_sync", "confirm_matches", "create_missing"]),
        value=st.booleans(),
        swept=st.booleans(),
    )
    def set_rules(self, name: str, value: bool, swept: bool) -> None:
        self.world.set(**{name: value})
        if swept:
            self.sweep()

    # people at Muster

    @precondition(lambda self: self.match_results)
    @rule(
        n=pick,
        m=pick,
        obeyed=st.booleans(),
        what=st.sampled_from(["link", "link and push", "unlink", "create"]),
    )
    def decide(self, n: int, m: int, obeyed: bool, what: str) -> None:
        record = sorted(self.match_results)[n % len(self.match_results)]
        there = sorted(
            f.record_id
            for f in self.world.mapper.facts.values()
            if f.account_id == self.world.destination.account
        )
        if what == "unlink":
            self.world.publish(UnlinkRecord(record_id=record))
        elif what == "create":
            self.world.publish(CreateRecord(record_id=record))
        elif there:
            chosen = there[m % len(there)]
            push = what != "link"
            self.world.publish(LinkRecord(record_id=record, destination_record_id=chosen, then_push=push))
        if obeyed:
            self.everything_arrives()

    @precondition(lambda self: self.world.syncer.record_states)
    @rule(n=pick, everybody=st.booleans(), planned=st.booleans())
    def push(self, n: int, everybody: bool, planned: bool) -> None:
        records = sorted(self.world.syncer.record_states)
        self._push(records if everybody else [records[n % len(records)]])
        if planned:
            self.everything_arrives()

    def _push(self, records: list[UUID]) -> None:
        states = [c for r in records if (c := self.world.syncer.state(r)).source is not None]
        chosen = tuple(Selected(c.record_id, c.source.rev, c.status) for c in states if c.source)
        if chosen:
            run = uuid5(COMPANY, f"run {len(self.world.published)}")
            self.world.publish(SyncRecords(run_id=run, records=chosen, part=1, parts=1, total=len(chosen)))

    # the workers

    @precondition(lambda self: self.world.syncer.claimable())
    @rule(most=some)
    def claim(self, most: int) -> None:
        known = len(self.world.syncer.claims)
        self.world.syncer.claim(most)
        for pushes, states in self.world.syncer.claims[known:]:
            for push in (i for i in pushes if i.action == "create"):
                state = states[push.record_id]
                assert state.situation is Situation.UNMATCHED and state.source is not None
                assert state.link_source_rev == state.source.rev, "created while it is being checked"

    @precondition(lambda self: self.world.syncer.claims)
    @rule(n=pick, fate=fates)
    def send(self, n: int, fate: str) -> None:
        claims = self.world.syncer.claims
        self.world.syncer.send(claims.pop(n % len(claims)), fate)

    @precondition(lambda self: self.world.syncer.results)
    @rule(n=pick, lost=st.booleans())
    def record(self, n: int, lost: bool) -> None:
        results = self.world.syncer.results
        result = results.pop(n % len(results))
        if not lost:
            self.world.syncer.record(result)

    @precondition(lambda self: self.world.syncer.repeatable())
    @rule(n=pick, fate=fates, old=st.booleans(), recorded=st.booleans())
    def send_again(self, n: int, fate: str, old: bool, recorded: bool) -> None:
        calls = self.world.syncer.repeatable()
        calls[n % len(calls)].old |= old
        self.world.syncer.send_again(calls[n % len(calls)], fate)
        if recorded and self.world.syncer.results:
            self.record(-1, False)

    @precondition(lambda self: self.world.destination.hanging)
    @rule(n=pick)
    def at_last(self, n: int) -> None:
        """The system carries out what it had let us wait for without success."""
        hanging = self.world.destination.hanging
        key = sorted(hanging)[n % len(hanging)]
        self.world.destination.send(key, hanging.pop(key))

    @rule(fate=fates, recorded=st.booleans(), given_up=st.booleans())
    def work_through(self, fate: str, recorded: bool, given_up: bool = False) -> None:
        """Everybody is pushed, in the shortest course; calls of unknown outcome may be tried until they are given up."""
        syncer = self.world.syncer
        self._push(sorted(syncer.record_states))
        self.everything_arrives()
        if syncer.claimable():
            self.claim(10)
        while syncer.claims:
            self.send(0, fate)
        while recorded and syncer.results:
            self.record(0, False)
        for call in syncer.repeatable() if given_up else []:
            syncer.send_again(call, fate)
            while syncer.results:
                self.record(-1, False)

    # what must hold

    def _note(self, who: str, m: Message[Any]) -> None:
        """What a person decided, and the newest that each service has been told of a record."""
        if isinstance(m.body, LinkRecord | UnlinkRecord | CreateRecord) and m.id not in self.world._executed:
            self.decided[m.body.record_id] = m.body
            if isinstance(m.body, CreateRecord):
                self.wishes[m.body.record_id].append(self.world.now)
        if m.body.topic not in COMMANDS and hasattr(m.body, "rev"):
            known = self.newest.get((who, m.body.record_id))
            if known is None or known.rev < m.body.rev:
                self.newest[who, m.body.record_id] = m.body

    def _judge(self) -> None:
        """Everything that was published since the last time."""
        for m in self.world.published[self.judged :]:
            body = m.body
            if (reason := getattr(body, "reason", "")) and reason:
                assert reason in REASONS
            if isinstance(body, Decided):
                assert body.link_rev == getattr(self.match_results.get(body.record_id), "link_rev", 0) + 1
                self.match_results[body.record_id] = body
            status = body if isinstance(body, StatusChanged) else getattr(body, "record_status", None)
            if status is not None:
                assert status.status_rev == getattr(self.sync_status.get(body.record_id), "status_rev", 0) + 1
                assert status.reason or status.status is Status.SYNCED
                self.sync_status[body.record_id] = status
            if isinstance(body, PushPlanned):
                self.plans[body.push_id].append(body)
        self.judged = len(self.world.published)

    @invariant()
    def all_holds(self) -> None:
        self._judge()
        self._two_people_are_never_linked_to_one()
        self._what_a_person_decided_stays()
        self._nobody_is_created_twice()
        self._only_what_was_approved_and_shown_is_written_and_never_an_older_version()
        self._an_older_version_changes_nothing()

    def _two_people_are_never_linked_to_one(self) -> None:
        linked = [a.destination_record_id for a in self.match_results.values() if isinstance(a, RecordLinked)]
        assert len(linked) == len(set(linked))

    def _what_a_person_decided_stays(self) -> None:
        mapper = self.world.mapper
        for record, decision in self.decided.items():
            result = self.match_results.get(record)
            if result is None or isinstance(result, RecordDeleted):
                continue
            linked = result.destination_record_id if isinstance(result, RecordLinked) else None
            if isinstance(decision, LinkRecord):
                link = mapper.links.get(record)
                if (
                    link is None
                    or link.origin != "manual"
                    or link.destination_record_id != decision.destination_record_id
                ):
                    continue  # it could not be obeyed
                gone = isinstance(result, RecordDisputed) and result.reason == "deleted_at_destination"
                assert linked == decision.destination_record_id or gone
            else:
                assert linked not in mapper.refused[record]
            if isinstance(decision, CreateRecord) and linked:
                assert result.origin == "created"

    def _nobody_is_created_twice(self) -> None:
        """Of those who are still there: who was removed before we knew of it may be created again."""
        made: dict[UUID, list[datetime]] = defaultdict(list)
        for wrote in self.world.destination.journal:
            if wrote.current is None and wrote.remote_id in self.world.destination.people:
                made[self.world.syncer.pushes[wrote.push_id].record_id].append(wrote.at)
        for record, times in made.items():
            wishes = [w for w in self.wishes[record] if w >= times[0]]
            assert len(times) <= 1 + len(wishes), "created twice"

    def _only_what_was_approved_and_shown_is_written_and_never_an_older_version(self) -> None:
        world = self.world
        for wrote in world.destination.journal[self.wrote :]:
            push, basis = world.syncer.pushes[wrote.push_id], world.syncer.carried[wrote.push_id]
            remote_id = next(i for i in map(str, range(1, 99)) if world.source.id(i) == push.record_id)
            plans = self.plans[wrote.push_id]
            for name, value in wrote.values.items():
                assert value != HIDDEN and value in world.source.shown[remote_id, name]
                assert any(name in p.fields and p.fields[name].after == value for p in plans)
            if wrote.current is not None:
                assert not set(wrote.values) & set(wrote.current.employee.masked), (
                    "written over what may not be seen"
                )
            pair = push.record_id, wrote.remote_id
            assert basis is not None and basis.source_rev >= self.applied.get(pair, 0), (
                "an older version was written"
            )
            self.applied[pair] = basis.source_rev
        self.wrote = len(world.destination.journal)

    def _an_older_version_changes_nothing(self) -> None:
        world = self.world
        for record, s in world.importer.snapshots.items():
            if s.payload is not None:
                assert int(s.payload) >= self.versions.get(record, 0), "an older page won"
                self.versions[record] = int(s.payload)
        for (who, record), body in self.newest.items():
            if who == "mapper":
                snapshots = world.mapper.facts[record]
                assert snapshots.rev == body.rev
                if isinstance(body, EmployeeStaged):
                    assert snapshots == facts_of(
                        COMPANY, record, body.account_id, body.remote_id, body.rev, body.employee
                    )
            if who == "syncer" and body.account_id == world.source.account:
                snapshot = world.syncer.snapshots[record]
                assert snapshot.rev == body.rev
                if isinstance(body, EmployeeStaged):
                    assert snapshot.employee.text() == body.employee.text()

    # the end

    def teardown(self) -> None:
        """Everything comes to rest: both directories are read, calls end well, and everybody who can be pushed is."""
        for _ in range(8):
            self._rest()
            waiting = [r for r, s in self.world.syncer.record_states.items() if s.status in OPEN]
            if not waiting:
                break
            self._push(waiting)
        self._check_rest()

    def _rest(self) -> None:
        syncer = self.world.syncer
        self.world.destination.hanging.clear()
        for _ in range(12):
            self.everything_arrives()
            self._read_all(self.world.source)
            self._read_all(self.world.destination)
            self.everything_arrives()
            if not (syncer.claims or syncer.results or syncer.repeatable() or syncer.claimable()):
                break
            while syncer.claims:
                self.send(0, "ok")
            for call in syncer.repeatable() if not syncer.results else []:
                syncer.send_again(call, "ok")
            while syncer.results:
                self.record(0, False)
            if syncer.claimable():
                self.claim(10)
        self.all_holds()

    def _check_rest(self) -> None:
        world = self.world
        at: dict[UUID, UUID] = {}
        for record in world.syncer.record_states:
            state = world.syncer.state(record)
            assert state.push is None, "a push never ends"
            assert state.status in {Status.SYNCED, Status.NEEDS_ACTION, Status.FAILED, Status.HELD}, (
                state.status,
                state.reason,
            )
            assert state.reason in REASONS or state.status is Status.SYNCED
            if state.status is Status.FAILED:
                assert state.reason in {"outcome_unknown", "internal"}, state.reason
            if state.status is Status.SYNCED:
                assert state.destination_record_id is not None
                assert state.destination_record_id not in at, "two people are written to one record"
                at[state.destination_record_id] = record
                self._check_equal(state)

    def _check_equal(self, state: Any) -> None:
        world = self.world
        here, there = (
            world.source.people[state.source.remote_id],
            world.destination.people[state.destination_remote_id],
        )
        active = {here.values.get("active"), there.values.get("active")}
        assert active != {True, False}, "Synced while one side is active and the other not"
        for name in mapped_fields(SYSTEMS[world.source.system], SYSTEMS[world.destination.system]):
            if name not in here.values or name in here.hidden or name in there.hidden:
                continue
            wanted, found = here.values[name], there.values.get(name)
            same = found == (wanted[:2] if name == "suffix" and wanted else wanted)
            assert same or (wanted is None and found is not None) or found == wanted, (name, wanted, found)


Machine.TestCase.settings = settings(
    max_examples=int(EXAMPLES or 200),
    stateful_step_count=40,
    derandomize=EXAMPLES is None,
    database=None,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestMachine = Machine.TestCase
