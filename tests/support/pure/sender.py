"""Around services/syncer/core: pushes are claimed, sent and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.syncer import core as syncing
from services.syncer.core import Case, Item
from services.syncer.worker.recording import Outcome
from shared.connectors.client import was_created_by
from shared.connectors.ports import Write, Written
from shared.contracts.events import (
    Basis,
    DirectoryWanted,
    PushSucceeded,
)
from shared.contracts.records import (
    Remote,
    Rules,
    System,
)
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from tests.support.pure.syncer import Call, Creation, Syncer

if TYPE_CHECKING:
    from tests.support.pure.world import World

ATTEMPTS = 2
MAX_AGE = timedelta(seconds=Rules().directory_max_age_seconds)


@dataclass
class Result:
    """What a worker learnt of a call and has not recorded yet."""

    call: Call
    token: int
    again: bool
    requested_at: datetime
    written: list[Written] = field(default_factory=list)
    error: MusterError | None = None
    looked_up: bool = False


class Sender(Syncer):
    """syncer with its workers."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.leased: set[UUID] = set()
        self.claims: list[tuple[list[Item], dict[UUID, Case]]] = []
        self.results: list[Result] = []
        self.carried: dict[UUID, Basis | None] = {}
        """By push: what the plan that was sent rests on."""

    def _postpone(self, items: Iterable[Item], *, attempt: bool) -> None:
        for item in items:
            now = self.items[item.item_id]
            if now.lease_token == item.lease_token and now.state != "done":
                self.leased.discard(item.item_id)
                attempts = now.attempts + int(attempt)
                self.items[item.item_id] = now._replace(state="planned", attempts=attempts, call_id=None)

    def _held(self, items: Iterable[Item]) -> list[Item]:
        return [
            i
            for i in items
            if i.item_id in self.leased and self.items[i.item_id].lease_token == i.lease_token
        ]

    def _end(self, item_id: UUID, outcome: str | None) -> None:
        super()._end(item_id, outcome)
        self.leased.discard(item_id)

    def claimable(self) -> list[Item]:
        """Due pushes; a lease is over whenever a worker asks."""
        return [i for i in self.items.values() if i.state in ("planned", "claimed")]

    def claim(self, most: int) -> None:
        """Take due pushes and compare their plans with the facts of now."""
        cases: dict[UUID, Case] = {}
        for due in self.claimable()[:most]:
            self.items[due.item_id] = due._replace(state="claimed", lease_token=due.lease_token + 1)
            self.leased.add(due.item_id)
            cases[due.record_id] = self.case(due.record_id)
        go: list[Item] = []
        over: list[Outcome] = []
        for case in cases.values():
            assert case.item is not None
            item, found = case.item, syncing.recheck(case, case.item)
            if (call_id := syncing.awaited(case)) is not None:
                self._wait_for(self.calls[call_id], item)
            elif found.held:
                over.append(Outcome(item, held=True))
            elif found.ended:
                over.append(Outcome(item))
            elif found.item.action == "create" and syncing.unchecked(case):
                self._postpone([item], attempt=False)
            else:
                go.append(found.item)
                if found.item is not item:
                    self._put(found.item)
                if found.replanned:
                    self._say_planned(found.item, None)
        self._record(over, cases)
        go = self._gate(go)
        if go:
            self.claims.append((go, cases))

    def _wait_for(self, call: Call, item: Item) -> None:
        """The push waits for the call; one that was given up is taken up again."""
        if call.state == "given_up":
            call.state, call.attempts, call.resumed = "unknown", 0, True
        self.items[item.item_id] = item._replace(state="sending", call_id=call.call_id)
        self.leased.discard(item.item_id)

    def _gate(self, items: list[Item]) -> list[Item]:
        creations = [i for i in items if i.action == "create"]
        if not creations or (self.matched is not None and self.matched >= self.world.now - MAX_AGE):
            return items
        self._postpone(creations, attempt=False)
        if self.wanted_at is None or self.wanted_at < self.world.now - timedelta(seconds=10):
            self.wanted_at = self.world.now
            account = self.world.destination.account
            self.world.say(DirectoryWanted(account_id=account, not_before=self.world.now - MAX_AGE))
        return [i for i in items if i.action != "create"]

    def send(self, claimed: tuple[list[Item], dict[UUID, Case]], fate: str) -> None:
        """Read the records afresh, store the calls, send them."""
        items, cases = claimed
        if fate == "unauthorized":
            self._retry_or_fail(self._held(items), Unauthorized("x"))
            return
        ready: list[tuple[Item, dict[str, Any], Remote | None]] = []
        over: list[Outcome] = []
        for item in items:
            if item.action == "create":
                ready.append((item, syncing.values(item), None))
                continue
            current = self.world.destination.remote(cases[item.record_id].destination_remote_id or "")
            if current is None:
                over.append(Outcome(item, error=Rejected("deleted_at_destination")))
                continue
            wanted, moved = syncing.still_wanted(item, current.employee)
            if moved is None and wanted:
                ready.append((item, wanted, current))
            else:
                over.append(Outcome(item, remote=current, moved=moved))
        held = self._held(o.item for o in over)
        self._record([o for o in over if o.item in held])
        single = self.world.destination.system is System.LINARC
        groups = [[r] for r in ready if single or r[0].alone]
        groups += [g for create in (True, False) if (g := [
            r for r in ready if not single and not r[0].alone and (r[2] is None) == create
        ])]  # fmt: skip
        for call in self._add_calls(groups):
            self._transmit(call, fate, again=False)

    def _add_calls(
        self, groups: Sequence[Sequence[tuple[Item, dict[str, Any], Remote | None]]]
    ) -> list[Call]:
        """Store them all, or none when a lease was lost or a creation is done."""
        ready = [r for group in groups for r in group]
        if len(self._held(r[0] for r in ready)) < len(ready):
            return []
        for item, _, current in ready:
            last = max(self.creations[item.record_id], key=lambda c: c.ordinal, default=None)
            if (
                current is None
                and last is not None
                and last.remote_id is not None
                and not self._anew(item.record_id, last)
            ):
                return []
        calls = []
        for group in groups:
            call = Call(UUID(int=len(self.calls) + 1), "create" if group[0][2] is None else "update", [])
            self.calls[call.call_id] = call
            calls.append(call)
            for item, values, current in group:
                call.writes.append(
                    Write("create" if current is None else "update", str(item.item_id), values, current)
                )
                self.items[item.item_id] = self.items[item.item_id]._replace(
                    state="sending", call_id=call.call_id
                )
                self.carried[item.item_id] = item.basis
                if current is None:
                    self._begin_creation(item.record_id, call)
        return calls

    def _anew(self, record: UUID, last: Creation) -> bool:
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
        result, system = Result(call, call.token, again, self.world.now), self.world.destination
        self.world.tick()
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
        items = [self.items[UUID(w.item_id)] for w in call.writes]
        resumed = call.resumed and all(map(syncing.can_be_found, items))
        if call.action != "create" or not (call.old or resumed):
            self._transmit(call, fate, again=True)
            return
        self.world.destination.hanging.pop(call.call_id, None)  # the system's own time for it is over
        result = Result(call, call.token, True, self.world.now, looked_up=True)
        if fate == "down":
            result.error = Unavailable("x")
        for item, write in zip(items, call.writes, strict=True):
            if not syncing.can_be_found(item):
                unclear = Unavailable("nothing to look for", outcome_unknown=True)
                result.written.append(Written(write.item_id, error=unclear))
                continue
            people = filter(None, map(self.world.destination.remote, list(self.world.destination.people)))
            if found := next((p for p in people if was_created_by(write, p)), None):
                result.written.append(Written(write.item_id, found))
        self.results.append(result)

    def record(self, result: Result) -> None:
        """What came of a call, unless its lease has gone to another worker."""
        call, error = result.call, result.error
        if call.state != "sending" or call.token != result.token:
            return
        own = [UUID(w.item_id) for w in call.writes]
        waiting = [
            i for i in self.items.values()
            if i.call_id == call.call_id and i.state == "sending" and i.item_id not in own
        ]  # fmt: skip
        if error is not None:
            unknown = syncing.leaves_unknown(error, again=result.again)
            last = call.attempts >= ATTEMPTS and not isinstance(error, RateLimited)
            call.state = ("given_up" if last else "unknown") if unknown else "refused"
            items = [self.items[i] for i in own] + waiting
            if unknown and last:
                self._record([Outcome(i, error=Rejected("outcome_unknown")) for i in items])
            elif not unknown:
                self._retry_or_fail(items, error)
            return
        unclear = {
            self.items[UUID(w.item_id)].record_id for w in result.written
            if isinstance(w.error, Unavailable) and w.error.outcome_unknown
        }  # fmt: skip
        call.state = "given_up" if unclear else "answered"
        outcomes = [
            Outcome(
                self.items[UUID(w.item_id)],
                w.remote,
                w.error,
                action=call.action,
                requested_at=result.requested_at,
                looked_up=result.looked_up,
            )
            for w in result.written
        ]
        outcomes += [Outcome(i, error=Rejected("outcome_unknown")) for i in waiting if i.record_id in unclear]
        self._record(outcomes)
        told = {UUID(w.item_id) for w in result.written}
        waiting = [i for i in waiting if i.record_id not in unclear]
        missing = [self.items[i] for i in own if i not in told]
        for item in missing if result.looked_up else []:
            made = self.creations[item.record_id]
            made[:] = [c for c in made if c.remote_id or c.call_id != call.call_id]
        self._postpone([*waiting, *missing], attempt=False)

    def _retry_or_fail(self, items: Sequence[Item], error: MusterError) -> None:
        retry = isinstance(error, Unavailable | Conflict)
        again = [i for i in items if retry and i.attempts + 1 < ATTEMPTS]
        self._postpone(again, attempt=True)
        self._record([Outcome(i, error=error) for i in items if i not in again])

    def _record(self, outcomes: Sequence[Outcome], cases: dict[UUID, Case] | None = None) -> None:
        """Store and say what came of pushes, and decide their records again."""
        now, after = self.world.now, {o.item.record_id: self.case(o.item.record_id) for o in outcomes}
        after |= {r: c for r, c in (cases or {}).items() if r in after}
        for o in outcomes:
            item, case = o.item, after[o.item.record_id]
            if o.remote is not None:
                there = syncing.answered(item, o.remote, now)
                newest = syncing.newest(self.facts.get(there.record_id), there)
                self._know(newest)
                if case.destination_record_id == there.record_id:
                    case = case._replace(destination=newest)
            cures = isinstance(o.error, Conflict) or (o.moved is not None and item.automatic)
            if cures and item.attempts + 1 < ATTEMPTS:
                self._postpone([item], attempt=True)
                after[item.record_id] = syncing.postponed(case, item)
            elif o.remote is not None and o.moved is None:
                self._succeeded(o, case, after)
            else:
                self._ended(o, case, after)
        pushed = {o.item.record_id: o.item for o in outcomes}
        decisions = [syncing.decide(after[r], lane=item.lane) for r, item in pushed.items()]
        self._save(decisions, None, pushed=pushed)

    def _succeeded(self, o: Outcome, case: Case, after: dict[UUID, Case]) -> None:
        assert o.remote is not None
        now, item = self.world.now, o.item
        there = syncing.answered(item, o.remote, now)
        known = syncing.newest(self.facts.get(there.record_id), there)
        taken = self._owner(there.record_id) not in (None, item.record_id)
        after[item.record_id] = syncing.succeeded(
            case, item, there, known, action=o.action, at=now, taken=taken, looked_up=o.looked_up
        )
        self._end(item.item_id, "succeeded")
        body = PushSucceeded(
            record_id=item.record_id,
            item_id=item.item_id,
            action=o.action,
            destination_account_id=item.account_id,
            destination_record_id=there.record_id,
            destination_remote_id=there.remote_id,
            remote_version=there.remote_version,
            requested_at=o.requested_at or now,
            answered_at=now,
            employee=there.employee,
            source_rev=syncing.source_rev(case, item),
        )
        self.world.say(body, item=item)
        if o.action == "create":
            for c in self.creations[item.record_id]:
                c.remote_id, c.finished_at = c.remote_id or there.remote_id, c.finished_at or now

    def _ended(self, o: Outcome, case: Case, after: dict[UUID, Case]) -> None:
        reason, concerned = (o.error.reason, o.error.field) if o.error else (None, None)
        if o.error is None and (o.held or o.moved is not None):
            reason, concerned = "conflict", o.moved
        after[o.item.record_id] = syncing.ended(case, o.item, reason, concerned)
        self._end(o.item.item_id, "failed" if o.error else "held" if reason else "needs_action")
