"""What a person decides about values that somebody changed at the destination."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.syncer import core, deciding
from services.syncer.core import Decision, Push, PushState, RecordState
from services.syncer.store import record_states, runs
from shared.contracts.commands import DecideDrift
from shared.contracts.events import Message, SyncStarted
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings
from shared.messaging.outbox import Outbox, Outgoing, derived


@dataclass(frozen=True, slots=True)
class Drifts:
    """Carries the decision out, under the company's lock."""

    outbox: Outbox

    async def decide(
        self, tx: Tx, event: Message[DecideDrift], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        """Keep what stands; then write to the source, or to the destination, or to the one after the other."""
        command, company = event.body, event.company_id
        state = (await record_states.load_states(tx, [command.record_id], settings)).get(command.record_id)
        decision = None if state is None or _moved(state, command) else _decision(state, event)
        writes = bool(command.adopt or command.overwrite)
        if writes:
            await self._start(tx, event, planned=decision is not None and decision.push is not None)
        if decision is not None:
            after = decision.state
            await record_states.save_ignored(tx, company, command.record_id, after.ignored)
            await deciding.save(tx, self.outbox, [decision], lambda _: event, pushed={})
        if writes:
            over = await runs.end_runs(tx, company, [command.run_id])
            await self.outbox.append(tx, [o for o in deciding.run_events(company, over) if _is_end(o)])

    async def _start(self, tx: Tx, event: Message[DecideDrift], *, planned: bool) -> None:
        """The run of this one record; it has nothing to push when the record has moved."""
        run, company = event.body.run_id, event.company_id
        skipped = Counter() if planned else Counter({"moved": 1})
        await runs.add_run_part(tx, company, run, event.actor, 1, 1, int(planned), skipped)
        started = SyncStarted(run_id=run, total=1, skipped=dict(skipped))
        await self.outbox.append(tx, [Outgoing(started, company, event)])


def _is_end(outgoing: Outgoing) -> bool:
    return outgoing.body.wire_type() == "sync.completed"


def _moved(state: RecordState, command: DecideDrift) -> bool:
    """Whether the person saw something else than what would be decided now."""
    decided = [*command.adopt, *command.overwrite, *command.let_stand]
    source, there = state.source, state.destination
    seen = source is not None and there is not None
    if not seen or state.push is not None or source is None or there is None:
        return True
    revs = (source.rev, there.rev) == (command.source_rev, command.destination_rev)
    return not revs or sorted(decided) != sorted(core.drift_of(state))


def _decision(state: RecordState, event: Message[DecideDrift]) -> Decision | None:
    """The record as decided, with the push that begins to carry it out; None while that cannot be done."""
    command, settings = event.body, state.settings
    stands = core.let_stand(state, command.let_stand)
    after = core.acknowledged(state._replace(ignored=stands, failure=None), command.overwrite)
    source, there = (settings.source(), settings.destination()) if settings else (None, None)
    if source is None or there is None:
        return None
    push_id = derived(event.company_id, f"{command.run_id}/{command.record_id}")
    asked = Push(
        push_id,
        command.record_id,
        there.account_id,
        PushState.WAITING,
        run_id=command.run_id,
        actor=event.actor,
        lane=event.lane,
    )
    if not command.adopt:
        return core.decide(after, asked if command.overwrite else None, lane=event.lane)
    asked = asked._replace(account_id=source.account_id, then_push=bool(command.overwrite))
    push = core.adopting(after, asked, command.adopt)
    if push is None:
        return None
    return Decision(after, core.sync_status(after, push), push=push, planned=True)
