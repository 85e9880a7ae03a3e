"""What came of pushes: store it, publish it, and decide their records again, in a few statements for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.syncer import core, deciding
from services.syncer.core import Push, PushOutcome, PushState, RecordState
from services.syncer.settings import Settings
from services.syncer.store import calls, moves, push_queue, record_states, snapshots
from services.syncer.store.decisions import save_pushes
from services.syncer.worker.outcomes import Outcome, caused, is_over, not_carried_out, succeeded_event
from shared.backoff import backoff_seconds
from shared.clock import Clock
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.domain.values import Action
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unavailable
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.metrics import CHANGE_SECONDS, WORK


class Recorder:
    """Records outcomes inside a transaction that holds the company's lock."""

    def __init__(self, outbox: Outbox, clock: Clock, settings: Settings) -> None:
        self._outbox = outbox
        self._clock = clock
        self._settings = settings

    async def record(
        self,
        tx: Tx,
        company: UUID,
        outcomes: Sequence[Outcome],
        states: Mapping[UUID, RecordState] | None = None,
    ) -> None:
        """Store and publish all of it.

        `states` are the records as they stand, loaded unless given; unknown ones are passed over.
        """
        if not outcomes:
            return
        if states is None:
            settings = await load_settings(tx, [company])
            states = await record_states.load_states(tx, [o.push.record_id for o in outcomes], settings)
        now, after = self._clock.now(), dict(states)
        written = await _written_records(tx, outcomes, after, now)
        later, outgoing = await self._retry_later(tx, company, outcomes, after)
        again: list[Push] = []
        stepped: list[Push] = []
        ended: list[tuple[UUID, PushOutcome]] = []
        made: list[tuple[UUID, UUID, str]] = []
        asked: dict[UUID, Push | None] = {}
        results: defaultdict[UUID, list[Outgoing]] = defaultdict(list)
        for outcome in (o for o in outcomes if o.push.record_id in after and not is_over(o)):
            push = outcome.push
            state = after[push.record_id]
            result = written.get(push.push_id)
            if result is not None and state.destination_record_id == result.there.record_id:
                state = state._replace(destination=result.newest)
            if (onward := self._onward(outcome, result)) is not None:
                (again if onward is push else stepped).append(onward)
                after[push.record_id] = core.postponed(state, onward)
                continue
            if result is not None and outcome.moved is None:
                after[push.record_id] = core.succeeded(
                    state,
                    push,
                    result.there,
                    result.newest,
                    action=outcome.action,
                    at=now,
                    taken=result.owner not in {None, push.record_id},
                    looked_up=outcome.looked_up,
                )
                ended.append((push.push_id, PushOutcome.SUCCEEDED))
                asked[push.record_id] = core.then_push(after[push.record_id], push)
                _measure(push, state, now)
                results[push.record_id].append(succeeded_event(company, outcome, state, result.there))
                if outcome.action is Action.CREATE:
                    made.append((push.record_id, push.account_id, result.there.remote_id))
                continue
            left = not_carried_out(company, outcome, state, later.get(push.push_id))
            after[push.record_id], name, events = left
            results[push.record_id] += events
            if name is not None:
                ended.append((push.push_id, name))
        pause = core.pause_seconds(self._settings.retry_seconds, again)
        await push_queue.postpone(tx, company, again, pause, attempt=True)
        WORK.labels(kind="push", outcome="again").inc(len(again))
        await self._step_on(tx, company, stepped)
        known = [result.newest for result in written.values()]
        await snapshots.save_snapshots(
            tx, [(company, snapshot, snapshot.employee.text()) for snapshot in known]
        )
        await calls.close_creations(tx, company, made)
        outgoing += deciding.run_events(company, await push_queue.end_pushes(tx, company, ended))
        await self._outbox.append(tx, outgoing)
        pushed = {o.push.record_id: caused(o) for o in outcomes if o.push.record_id in after}
        moved_on = [
            core.decide(after[record], asked.get(record), lane=push.lane) for record, push in pushed.items()
        ]
        await deciding.save(tx, self._outbox, moved_on, lambda _: None, pushed=pushed, results=results)
        for name, count in Counter(name for _, name in ended).items():
            WORK.labels(kind="push", outcome=name).inc(count)

    async def _retry_later(
        self, tx: Tx, company: UUID, outcomes: Sequence[Outcome], states: Mapping[UUID, RecordState]
    ) -> tuple[dict[UUID, datetime], list[Outgoing]]:
        """The transient failures among these are tried again by themselves: when, by push; and how far their runs are."""
        first, quick = self._settings.retry_seconds, self._settings.send_attempts
        again = [
            (o.push, core.retry_seconds(first, quick, o.push, o.error), o.error.reason == "outcome_unknown")
            for o in outcomes
            if o.error is not None
            and (state := states.get(o.push.record_id))
            and not self._tries_again(o)
            and core.retries(state, o.push, o.error, self._settings.retry_attempts)
        ]
        at, moved = await push_queue.retry_later(tx, company, again)
        WORK.labels(kind="push", outcome="retrying").inc(len(at))
        return at, deciding.run_events(company, moved)

    async def retry_or_fail(self, tx: Tx, company: UUID, pushes: Sequence[Push], error: MusterError) -> None:
        """Certainly not carried out: again soon, or Failed after the last try, and retried later if it is transient."""
        retry = isinstance(error, Unavailable | Conflict)
        waits = isinstance(error, RateLimited) and error.ours
        again = [i for i in pushes if waits or (retry and i.attempts + 1 < self._settings.send_attempts)]
        tried = max((i.attempts for i in again), default=0) + 1
        pause = backoff_seconds(tried, first=self._settings.retry_seconds, most=core.LONGEST_PAUSE_SECONDS)
        if isinstance(error, RateLimited):
            pause = max(pause, error.retry_after)
        await push_queue.postpone(tx, company, again, pause, attempt=not waits)
        WORK.labels(kind="push", outcome="again").inc(len(again))
        ids = {i.push_id for i in again}
        await self.record(tx, company, [Outcome(i, error=error) for i in pushes if i.push_id not in ids])

    async def give_back(self, tx: Tx, company: UUID, pushes: Sequence[Push]) -> None:
        """The call that these waited for is settled: they are due at once, after a pause if that was not the first time.

        Failed after the last try, for a push that never gets beyond its call would circle for ever.
        """
        again = [i for i in pushes if i.attempts + 1 < self._settings.send_attempts]
        pause = core.pause_seconds(self._settings.retry_seconds, again)
        await push_queue.postpone(tx, company, again, pause, attempt=True)
        WORK.labels(kind="push", outcome="again").inc(len(again))
        gone = Rejected("outcome_unknown")
        await self.record(tx, company, [Outcome(i, error=gone) for i in pushes if i not in again])

    def worn_out(self, push: Push) -> bool:
        """Whether this push was claimed as often as it may be: each of its workers ended before it had recorded anything."""
        most = self._settings.send_attempts if push.retry_at is None else self._settings.retry_attempts
        return push.attempts >= most

    async def _step_on(self, tx: Tx, company: UUID, pushes: Sequence[Push]) -> None:
        """These have reached another step over temporary values: the next is due at once, for those who wait as well.

        One that has gone back begins again, which counts as an attempt.
        """
        if pushes:
            await save_pushes(tx, company, [i._replace(state=PushState.PLANNED) for i in pushes])
            onwards, again = [i for i in pushes if i.step], [i for i in pushes if not i.step]
            await push_queue.postpone(tx, company, onwards, 0, attempt=False)
            await push_queue.postpone(tx, company, again, 0, attempt=True)
            await moves.wake_waiting(tx, company, [i.record_id for i in pushes])

    def _onward(self, outcome: Outcome, result: _WrittenRecord | None) -> Push | None:
        """The push as it goes on, which is itself when it tries the same again; None when this outcome ends it."""
        push, step = outcome.push, _step(outcome, result)
        if step is not None:
            return core.straight(push) if step == "" else push._replace(step=step)
        return push if self._tries_again(outcome) else None

    def _tries_again(self, outcome: Outcome) -> bool:
        """A stale version is read and planned again; so is a field that moved, if nobody asked for the push in person."""
        if outcome.push.step in {"aside", "back"}:  # it is not left with temporary values
            return outcome.cancelled or core.may_cure(outcome.error)
        if outcome.push.step and core.may_cure(outcome.error):
            return outcome.push.attempts < 2 * self._settings.send_attempts
        cures = isinstance(outcome.error, Conflict) or (outcome.moved is not None and outcome.push.automatic)
        return cures and outcome.push.attempts + 1 < self._settings.send_attempts


class _WrittenRecord(NamedTuple):
    """A destination record as it was answered, the newest that is known of it, and whom mapper has linked it to."""

    there: core.Snapshot
    newest: core.Snapshot
    owner: UUID | None


async def _written_records(
    tx: Tx, outcomes: Sequence[Outcome], states: Mapping[UUID, RecordState], now: datetime
) -> dict[UUID, _WrittenRecord]:
    """The answers by push. What the loaded `states` do not show is looked up: who has what was created."""
    returned = {
        o.push.push_id: core.answered(
            o.push,
            o.remote,
            o.requested_at or now,
            o.answered_at or now,
            written=o.action is not Action.NO_CHANGE and o.push.action is not Action.ADOPT,
        )
        for o in outcomes
        if o.remote is not None
    }
    known = {one.record_id: one for s in states.values() for one in (s.source, s.destination) if one}
    ids = {there.record_id for there in returned.values()}
    created = {returned[o.push.push_id].record_id for o in outcomes if o.remote and o.action is Action.CREATE}
    known |= await snapshots.load_whole(tx, [i for i in ids if i not in known])
    owners = await record_states.linked_sources(tx, list(created))
    return {
        i: _WrittenRecord(there, core.newest(known.get(there.record_id), there), owners.get(there.record_id))
        for i, there in returned.items()
    }


def _step(outcome: Outcome, result: _WrittenRecord | None) -> str | None:
    """The step that a push over temporary values has reached, or None when this outcome ends it."""
    push = outcome.push
    if not push.step or outcome.moved is not None or push.state is PushState.DONE:
        return None
    if outcome.error is not None:
        return "back" if push.step == "aside" and not core.may_cure(outcome.error) else None
    return core.step_of(push, result.there.employee) if result is not None else None


def _measure(push: Push, state: RecordState, now: datetime) -> None:
    """How long a change took that nobody had to ask for."""
    if push.automatic and state.source is not None and state.source.reading is not None:
        CHANGE_SECONDS.observe((now - state.source.reading.answered_at).total_seconds())
