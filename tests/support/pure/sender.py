"""Around services/syncer/core: pushes are claimed, sent and recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.syncer import core as syncing
from services.syncer import deciding
from services.syncer.core import Push, PushState, RecordState
from services.syncer.worker.outcomes import Outcome, not_carried_out, succeeded_event
from shared.connectors.client import was_created_by
from shared.connectors.ports import Write, Written
from shared.contracts.events import (
    Basis,
    DirectoryWanted,
)
from shared.domain.employee import Remote
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from shared.messaging.outbox import Outgoing
from shared.systems import SYSTEMS
from tests.support.pure.directory import COMPANY
from tests.support.pure.syncer import Call, Creation, Syncer

if TYPE_CHECKING:
    from tests.support.pure.world import World

ATTEMPTS, RETRY_ATTEMPTS = 2, 4


@dataclass
class Result:
    """What a worker learnt of a call and has not recorded yet."""

    call: Call
    token: int
    again: bool
    requested_at: datetime
    answered_at: datetime
    written: list[Written] = field(default_factory=list)
    error: MusterError | None = None
    looked_up: bool = False


class Sender(Syncer):
    """syncer with its workers."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.leased: set[UUID] = set()
        self.claims: list[tuple[list[Push], dict[UUID, RecordState]]] = []
        self.results: list[Result] = []
        self.gates: dict[UUID, datetime] = {}
        """By push: since when its creation has waited for the directory."""
        self.carried: dict[UUID, Basis | None] = {}
        """By push: what the plan that was sent rests on."""

    def _postpone(self, pushes: Iterable[Push], *, attempt: bool) -> None:
        for push in pushes:
            now = self.pushes[push.push_id]
            if now.lease_token == push.lease_token and now.state != "done":
                self.leased.discard(push.push_id)
                self.gates.pop(push.push_id, None)
                attempts = now.attempts + int(attempt)
                self.pushes[push.push_id] = now._replace(
                    state=PushState.PLANNED, attempts=attempts, call_id=None
                )

    def _held(self, pushes: Iterable[Push]) -> list[Push]:
        return [
            i
            for i in pushes
            if i.push_id in self.leased and self.pushes[i.push_id].lease_token == i.lease_token
        ]

    def _end(self, push_id: UUID, outcome: str | None) -> None:
        super()._end(push_id, outcome)
        self.leased.discard(push_id)

    def claimable(self) -> list[Push]:
        """Due pushes; a lease is over whenever a worker asks."""
        return [i for i in self.pushes.values() if i.state in ("planned", "claimed")]

    def claim(self, most: int) -> None:
        """Take due pushes and compare their plans with the facts of now."""
        states: dict[UUID, RecordState] = {}
        for due in self.claimable()[:most]:
            self.pushes[due.push_id] = due._replace(state=PushState.CLAIMED, lease_token=due.lease_token + 1)
            self.leased.add(due.push_id)
            states[due.record_id] = self.state(due.record_id)
        go: list[Push] = []
        over: list[Outcome] = []
        for state in states.values():
            assert state.push is not None
            push, found = state.push, syncing.recheck(state, state.push)
            if (call_id := syncing.pending_create_call(state)) is not None:
                self._wait_for(self.calls[call_id], push)
            elif found.held:
                over.append(Outcome(push, held=True))
            elif found.ended:
                over.append(Outcome(push))
            elif found.push.action == "create" and syncing.unchecked(state):
                self._put(found.push._replace(state=PushState.WAITING))
                self.leased.discard(push.push_id)
            else:
                go.append(found.push)
                if found.push is not push:
                    self._put(found.push)
                if found.replanned:
                    self.world.publish(deciding.planned(found.push), push=found.push)
        self._record(over, states)
        go = self._gate(go)
        if go:
            self.claims.append((go, states))

    def _wait_for(self, call: Call, push: Push) -> None:
        """The push waits for the call; one that was given up is taken up again."""
        if call.state == "given_up":
            call.state, call.attempts, call.resumed = "unknown", 0, True
        self.pushes[push.push_id] = push._replace(state=PushState.SENDING, call_id=call.call_id)
        self.leased.discard(push.push_id)

    def _gate(self, pushes: list[Push]) -> list[Push]:
        """Creations pass once the directory has been matched as of a time after their first claim."""
        now, matched = self.world.now, self.matched
        creations = {i.push_id: i for i in pushes if i.action == "create"}
        passing = {i for i in creations if matched is not None and self.gates.get(i, now) <= matched}
        waiting = [push for i, push in creations.items() if i not in passing]
        gates = {i.push_id: self.gates.get(i.push_id, now) for i in waiting}
        self._postpone(waiting, attempt=False)
        self.gates |= gates
        if waiting and (self.wanted_at is None or (matched is not None and self.wanted_at <= matched)):
            self.wanted_at = now
            self.world.publish(DirectoryWanted(account_id=self.world.destination.account, not_before=now))
        return [i for i in pushes if i.push_id not in gates]

    def send(self, claimed: tuple[list[Push], dict[UUID, RecordState]], fate: str) -> None:
        """Read the records afresh, store the calls, send them."""
        pushes, states = claimed
        if fate == "unauthorized":
            self._retry_or_fail(self._held(pushes), Unauthorized("x"))
            return
        ready: list[tuple[Push, dict[str, Any], Remote | None]] = []
        over: list[Outcome] = []
        for push in pushes:
            if push.action == "create":
                ready.append((push, syncing.values(push), None))
                continue
            current = self.world.destination.remote(states[push.record_id].destination_remote_id or "")
            if current is None:
                over.append(Outcome(push, error=Rejected("deleted_at_destination")))
                continue
            wanted, moved = syncing.remaining_changes(
                push, current.employee, SYSTEMS[self.world.destination.system].scales
            )
            if moved is None and wanted:
                ready.append((push, wanted, current))
            else:
                over.append(Outcome(push, remote=current, moved=moved))
        held = self._held(o.push for o in over)
        self._record([o for o in over if o.push in held])
        single = self.world.destination.system == "linarc"
        groups = [[r] for r in ready if single or r[0].isolated]
        groups += [g for create in (True, False) if (g := [
            r for r in ready if not single and not r[0].isolated and (r[2] is None) == create
        ])]  # fmt: skip
        for call in self._add_calls(groups):
            self._transmit(call, fate, again=False)

    def _add_calls(
        self, groups: Sequence[Sequence[tuple[Push, dict[str, Any], Remote | None]]]
    ) -> list[Call]:
        """Store them all, or none when a lease was lost or a creation is done."""
        ready = [r for group in groups for r in group]
        if len(self._held(r[0] for r in ready)) < len(ready):
            return []
        for push, _, current in ready:
            last = max(self.creations[push.record_id], key=lambda c: c.ordinal, default=None)
            if (
                current is None
                and last is not None
                and last.remote_id is not None
                and not self._asked_again(push.record_id, last)
            ):
                return []
        calls = []
        for group in groups:
            call = Call(UUID(int=len(self.calls) + 1), "create" if group[0][2] is None else "update", [])
            self.calls[call.call_id] = call
            calls.append(call)
            for push, values, current in group:
                call.writes.append(
                    Write("create" if current is None else "update", str(push.push_id), values, current)
                )
                self.pushes[push.push_id] = self.pushes[push.push_id]._replace(
                    state=PushState.SENDING, call_id=call.call_id
                )
                self.carried[push.push_id] = push.basis
                if current is None:
                    self._begin_creation(push.record_id, call)
        return calls

    def _asked_again(self, record: UUID, last: Creation) -> bool:
        asked = self.asked_at.get(record)
        return last.finished_at is not None and asked is not None and last.finished_at < asked

    def _begin_creation(self, record: UUID, call: Call) -> None:
        made = self.creations[record]
        last = max(made, key=lambda c: c.ordinal, default=None)
        if last is None or last.remote_id is not None:
            made.append(Creation(last.ordinal + 1 if last else 1, call.call_id))
        else:
            last.call_id = call.call_id

    def _transmit(self, call: Call, fate: str, *, again: bool) -> None:
        result, system = (
            Result(call, call.token, again, self.world.now, self.world.tick()),
            self.world.destination,
        )
        if fate in ("ok", "refused", "stale", "lost after", "dies"):
            result.written = system.send(call.call_id, call.writes, fate)
        if fate == "hangs":
            system.hanging[call.call_id] = call.writes
        if fate in ("lost after", "lost before", "hangs"):
            result.error = Unavailable("x", outcome_unknown=True)
        elif fate == "down":
            result.error = Unavailable("x")
        elif fate == "limited":
            result.error = RateLimited("x", retry_after=1)
        elif fate == "unauthorized":
            result.error = Unauthorized("x")
        if fate != "dies":
            self.results.append(result)

    def repeatable(self) -> list[Call]:
        """Calls whose outcome nobody knows."""
        return [c for c in self.calls.values() if c.state in ("sending", "unknown")]

    def send_again(self, call: Call, fate: str) -> None:
        """The same call once more, or, where its key may be forgotten or it was given up before, a look-up."""
        call.state, call.token, call.attempts = "sending", call.token + 1, call.attempts + 1
        pushes = self._members(call)
        resumed = call.resumed and all(map(syncing.can_be_found, pushes))
        if call.action != "create" or not (call.old or resumed):
            self._transmit(call, fate, again=True)
            return
        self.world.destination.hanging.pop(call.call_id, None)  # the system's own time for it is over
        result = Result(call, call.token, True, self.world.now, self.world.now, looked_up=True)
        if fate == "down":
            result.error = Unavailable("x")
        for push in pushes:
            write = next(w for w in call.writes if w.push_id == str(push.push_id))
            if not syncing.can_be_found(push):
                unclear = Unavailable("nothing to look for", outcome_unknown=True)
                result.written.append(Written(write.push_id, error=unclear))
                continue
            people = filter(None, map(self.world.destination.remote, list(self.world.destination.people)))
            if found := next((p for p in people if was_created_by(write, p)), None):
                result.written.append(Written(write.push_id, found))
        self.results.append(result)

    def record(self, result: Result) -> None:
        """What came of a call, unless its lease has gone to another worker."""
        call, error = result.call, result.error
        if call.state != "sending" or call.token != result.token:
            return
        own = [UUID(w.push_id) for w in call.writes]
        waiting = [
            i for i in self.pushes.values()
            if i.call_id == call.call_id and i.state == "sending" and i.push_id not in own
        ]  # fmt: skip
        if error is not None:
            unknown = syncing.leaves_unknown(error, again=result.again)
            last = call.attempts >= ATTEMPTS and not isinstance(error, RateLimited)
            call.state = ("given_up" if last else "unknown") if unknown else "refused"
            pushes = self._members(call) + waiting
            if unknown and last:
                self._record([Outcome(i, error=Rejected("outcome_unknown")) for i in pushes])
            elif not unknown:
                self._retry_or_fail(pushes, error)
            return
        members = {i.push_id: i for i in self._members(call)}
        written = [(push, w) for w in result.written if (push := members.get(UUID(w.push_id)))]
        unclear = {push.record_id for push, w in written if syncing.is_unknown(w.error)}
        call.state = "given_up" if unclear else "answered"
        outcomes = [
            Outcome(
                push,
                w.remote,
                w.error,
                action=call.action,
                requested_at=result.requested_at,
                answered_at=result.answered_at,
                looked_up=result.looked_up,
            )
            for push, w in written
        ]
        outcomes += [Outcome(i, error=Rejected("outcome_unknown")) for i in waiting if i.record_id in unclear]
        self._record(outcomes)
        waiting = [i for i in waiting if i.record_id not in unclear]
        missing = [i for i in members.values() if i not in [push for push, _ in written]]
        not_created = list(missing) if result.looked_up else []
        not_created += [
            push for push, w in written if w.error is not None and not syncing.is_unknown(w.error)
        ]
        for push in not_created if call.action == "create" else []:
            made = self.creations[push.record_id]
            made[:] = [c for c in made if c.remote_id or c.call_id != call.call_id]
        self._give_back([*waiting, *missing])

    def _give_back(self, pushes: Sequence[Push]) -> None:
        again = [i for i in pushes if i.attempts + 1 < ATTEMPTS]
        self._postpone(again, attempt=True)
        self._record([Outcome(i, error=Rejected("outcome_unknown")) for i in pushes if i not in again])

    def _members(self, call: Call) -> list[Push]:
        """Of creations, those not settled yet."""
        pushes = [self.pushes[UUID(w.push_id)] for w in call.writes]
        return [
            i
            for i in pushes
            if call.action != "create"
            or any(c.call_id == call.call_id and c.remote_id is None for c in self.creations[i.record_id])
        ]

    def _retry_or_fail(self, pushes: Sequence[Push], error: MusterError) -> None:
        retry = isinstance(error, Unavailable | Conflict)
        again = [i for i in pushes if retry and i.attempts + 1 < ATTEMPTS]
        self._postpone(again, attempt=True)
        self._record([Outcome(i, error=error) for i in pushes if i not in again])

    def _record(self, outcomes: Sequence[Outcome], states: dict[UUID, RecordState] | None = None) -> None:
        """Store and say what came of pushes, and decide their records again."""
        results: defaultdict[UUID, list[Outgoing]] = defaultdict(list)
        now, after = self.world.now, {o.push.record_id: self.state(o.push.record_id) for o in outcomes}
        after |= {r: c for r, c in (states or {}).items() if r in after}
        for o in outcomes:
            push, state = o.push, after[o.push.record_id]
            if push.state == "done" and o.remote is None:
                continue
            if o.remote is not None:
                there = _there(o, now)
                newest = syncing.newest(self.snapshots.get(there.record_id), there)
                self._know(newest)
                if state.destination_record_id == there.record_id:
                    state = state._replace(destination=newest)
            cures = isinstance(o.error, Conflict) or (o.moved is not None and push.automatic)
            if cures and push.attempts + 1 < ATTEMPTS:
                self._postpone([push], attempt=True)
                after[push.record_id] = syncing.postponed(state, push)
            elif o.remote is not None and o.moved is None:
                results[push.record_id].append(self._succeeded(o, state, after))
            else:
                at = now if syncing.retries(state, push, o.error, RETRY_ATTEMPTS) else None
                after[push.record_id], ended, events = not_carried_out(COMPANY, o, state, at)
                results[push.record_id] += events
                if ended is None:
                    self._retry_later(o)
                else:
                    self._end(push.push_id, ended)
        pushed = {o.push.record_id: o.push for o in outcomes}
        decisions = [syncing.decide(after[r], lane=push.lane) for r, push in pushed.items()]
        self._save(decisions, None, pushed=pushed, results=results)

    def _retry_later(self, o: Outcome) -> None:
        assert o.error is not None
        alone = o.push.isolated or o.error.reason == "outcome_unknown"
        self._postpone([o.push], attempt=True)
        moved = self.pushes[o.push.push_id]._replace(retry_at=self.world.now, isolated=alone)
        self.pushes[o.push.push_id] = moved

    def _succeeded(self, o: Outcome, state: RecordState, after: dict[UUID, RecordState]) -> Outgoing:
        assert o.remote is not None
        now, push = self.world.now, o.push
        there = _there(o, now)
        assert there.reading is not None
        known = syncing.newest(self.snapshots.get(there.record_id), there)
        taken = self._linked_source(there.record_id) not in (None, push.record_id)
        after[push.record_id] = syncing.succeeded(
            state, push, there, known, action=o.action, at=now, taken=taken, looked_up=o.looked_up
        )
        self._end(push.push_id, "succeeded")
        if o.action == "create":
            for c in self.creations[push.record_id]:
                c.remote_id, c.finished_at = c.remote_id or there.remote_id, c.finished_at or now
        return succeeded_event(COMPANY, o, state, there)


def _there(o: Outcome, now: datetime) -> syncing.Snapshot:
    assert o.remote is not None
    asked, came = o.requested_at or now, o.answered_at or now
    return syncing.answered(o.push, o.remote, asked, came, written=o.action != "no_change")
