"""Kafka in: snapshots, links, rules and commands move the records' sync statuses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaRouter

from services.syncer import core, deciding
from services.syncer.core import Push, PushOutcome
from services.syncer.deciding.handover import Claimed
from services.syncer.handlers.asking import asked_for
from services.syncer.handlers.drift import Drifts
from services.syncer.handlers.facts import Facts
from services.syncer.handlers.plans import Plans
from services.syncer.settings import Settings
from services.syncer.store import directories, names, push_queue, record_states, runs
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.commands import CreatePlan, DecideDrift, StopRetry, SyncRecords
from shared.contracts.events import Message, SyncCompleted, SyncStarted
from shared.db.companies import load_settings, save_settings
from shared.db.handover import Handover
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.subscription import Reads
from shared.systems import SYSTEMS


def make_router(
    consume: Consume, outbox: Outbox, clock: Clock, settings: Settings, senders: Handover[Claimed]
) -> KafkaRouter:
    """syncer's subscriptions; what they plan and claim goes to the `senders` of this process."""
    router = KafkaRouter()
    handlers = Handlers(outbox, clock, settings, senders)
    on_dead_letter = handlers.on_dead_letter
    consume.subscribe(router, Reads(topics.SETTINGS, handlers.on_settings))
    consume.subscribe(
        router,
        Reads(topics.EMPLOYEES, handlers.on_facts, on_dead_letter=on_dead_letter),
        Reads(topics.LINKS, handlers.on_facts, on_dead_letter=on_dead_letter),
    )
    commands = Reads(topics.SYNCER_COMMANDS, handlers.on_commands, on_dead_letter=on_dead_letter)
    consume.subscribe(router, commands, most=1)  # of 500 records each
    return router


@dataclass(frozen=True, slots=True)
class Handlers:
    """syncer's handlers, each called under the companies' locks (`Database.handling`)."""

    outbox: Outbox
    clock: Clock
    settings: Settings
    senders: Handover[Claimed]

    async def on_settings(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """A rule that moved may move every record: they are decided again in chunks.

        Who is disconnected may change unseen: nothing is created there before its directory has been read again.
        """
        moved = await save_settings(tx, events)
        if not moved:
            return
        settings = await load_settings(tx, moved)
        gone = [a.account_id for s in settings.values() for a in s.accounts if not a.connected]
        await directories.forget_directories(tx, gone)
        await names.want_lists(tx, [one for document in settings.values() for one in _name_lists(document)])
        await record_states.mark_due(tx, moved, everything=True)

    async def on_facts(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Snapshots of either side and mapper's results."""
        await Facts(self.outbox, self.senders).on_facts(events, tx)

    async def on_commands(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Make and apply plans; push a single record at once, or decide about it."""
        settings, plans = await load_settings(tx, tx.companies), Plans(self.outbox, self.clock, self.settings)
        for event in events:
            match event.body:
                case SyncRecords():
                    await self._sync(tx, event, settings)
                case StopRetry():
                    await self._stop_retry(tx, event, settings)
                case DecideDrift():
                    await Drifts(self.outbox).decide(tx, event, settings)
                case _:
                    await plans.on_command(tx, event, settings)

    async def _stop_retry(
        self, tx: Tx, event: Message[StopRetry], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        """A failed push that waits is over; the try of one that is under way is its last."""
        record, company = event.body.record_id, event.company_id
        await push_queue.last_try(tx, company, record, self.settings.retry_attempts)
        known = await record_states.load_states(tx, [record], settings)
        states = await deciding.end_retries(tx, company, known, PushOutcome.CANCELLED)
        decisions = [core.decide(state, lane=event.lane) for r, state in states.items() if state != known[r]]
        await deciding.save(tx, self.outbox, decisions, lambda _: event)

    async def on_dead_letter(self, message: Message[Any], tx: Tx) -> None:
        """A message that could not be handled shows on its records, or ends its part of a run as failed."""
        body = message.body
        if isinstance(body, SyncRecords):
            await self._part_failed(tx, message)
        elif isinstance(body, CreatePlan):
            await Plans(self.outbox, self.clock, self.settings).failed(tx, message)
        elif getattr(body, "record_id", None) is not None:
            settings = await load_settings(tx, tx.companies)
            facts = Facts(self.outbox, self.senders)
            records = await facts.fail(tx, message, settings, "internal")
            await facts.decide(tx, records, settings, [message])

    async def _part_failed(self, tx: Tx, event: Message[SyncRecords]) -> None:
        """All records of this part of a run count as failed."""
        command, company = event.body, event.company_id
        planned = len(command.records)
        seen, skipped = await runs.add_run_part(
            tx, company, command.run_id, event.actor, command.total, command.parts, planned, {}
        )
        outgoing: list[Outgoing] = []
        if seen == command.parts:
            started = SyncStarted(run_id=command.run_id, total=command.total, skipped=skipped)
            outgoing.append(Outgoing(started, company, event))
        counted = await runs.count(tx, company, Counter(), Counter({command.run_id: planned}))
        await self.outbox.append(tx, outgoing + deciding.run_events(company, counted))

    async def _sync(
        self, tx: Tx, event: Message[SyncRecords], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        command = event.body
        states = await record_states.load_states(tx, [s.record_id for s in command.records], settings)
        skipped: Counter[str] = Counter()
        asked: dict[UUID, Push] = {}
        expired = event.time < self.clock.now() - timedelta(days=self.settings.inbox_days - 1)
        for selected in command.records:
            state = states.get(selected.record_id)
            why = "moved" if expired else core.skipped(state, selected, single=command.total == 1)
            push = asked_for(event, settings, f"{command.run_id}/{selected.record_id}", selected.record_id)
            if why is not None or push is None:
                skipped[why or "disconnected"] += 1
            else:
                asked[selected.record_id] = core.isolated(states[selected.record_id], push)
        chosen = {r: states[r] for r in asked}
        states = await deciding.end_retries(tx, event.company_id, chosen, PushOutcome.REPLACED)
        seen, together = await runs.add_run_part(
            tx,
            event.company_id,
            command.run_id,
            event.actor,
            command.total,
            command.parts,
            len(asked),
            skipped,
        )
        outgoing: list[Outgoing] = []
        if seen == command.parts:
            started = SyncStarted(run_id=command.run_id, total=command.total, skipped=together)
            outgoing.append(Outgoing(started, event.company_id, event))
        await record_states.save_failures(
            tx, [(event.company_id, r, None) for r in asked if states[r].failure]
        )
        await self.outbox.append(tx, outgoing)
        decisions = [
            core.decide(states[r]._replace(failure=None), push, lane=push.lane) for r, push in asked.items()
        ]
        await deciding.save(tx, self.outbox, decisions, lambda _: event)
        for run in await runs.end_runs(tx, event.company_id, [command.run_id]):
            if run["ended"]:
                body = SyncCompleted(
                    run_id=run["run_id"],
                    total=run["total"],
                    succeeded=run["succeeded"],
                    failed=run["failed"],
                    retrying=run["retrying"],
                    skipped=together,
                )
                await self.outbox.append(tx, [Outgoing(body, event.company_id, event)])


def _name_lists(settings: CompanySettings) -> list[tuple[UUID, UUID, str]]:
    """The other lists of the destination, while it is connected, whose names nobody may repeat."""
    account = settings.destination()
    if account is None or not account.connected:
        return []
    return [(settings.company_id, account.account_id, kind) for kind in SYSTEMS[account.system].name_lists]
