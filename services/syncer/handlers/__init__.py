"""Kafka in: snapshots, links, rules and commands move the records' sync statuses."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from faststream.kafka import KafkaRouter

from services.syncer import core, deciding
from services.syncer.core import (
    Failure,
    Push,
    PushOutcome,
    PushState,
    RecordState,
    Snapshot,
    StoredSnapshot,
)
from services.syncer.deciding.handover import Handover
from services.syncer.handlers.drift import Drifts
from services.syncer.handlers.plans import Plans
from services.syncer.settings import Settings
from services.syncer.store import directories, names, push_queue, record_states, runs, snapshots
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.commands import CreatePlan, DecideDrift, StopRetry, SyncRecords
from shared.contracts.events import (
    SITUATIONS,
    Body,
    DirectoryMatched,
    MatchFailed,
    Message,
    RecordLinked,
    SyncCompleted,
    SyncStarted,
)
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings
from shared.domain.values import Cause, Lane
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing, derived
from shared.messaging.subscription import Reads
from shared.systems import SYSTEMS

AUTOMATIC = (Cause.HOOK, Cause.SWEEP)


def make_router(
    consume: Consume, outbox: Outbox, clock: Clock, settings: Settings, senders: Handover
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
    senders: Handover = field(default_factory=Handover)

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
        """Snapshots of either side and mapper's results: all are stored, then each record that they concern is decided once."""
        settings = await load_settings(tx, tx.companies)
        moved = await self._save_employees(tx, events, settings)
        matched, asked = await self._save_links(tx, events, settings)
        await self._decide(tx, [*moved, *matched], settings, events, asked)

    async def _save_employees(
        self, tx: Tx, events: Sequence[Message[Any]], settings: Mapping[UUID, CompanySettings]
    ) -> list[UUID]:
        """Keep the newer snapshots; the source records whose status they may move."""
        received = [e for e in events if type(e.body) in core.SNAPSHOT_EVENTS]
        if not received:
            return []
        before = await snapshots.load_snapshots(tx, [e.body.record_id for e in received])
        known = dict(before)
        newest: dict[UUID, tuple[Message[Any], Snapshot]] = {}
        for event in received:
            snapshot = core.snapshot_of(event.body)
            if core.replaces(known.get(snapshot.record_id), snapshot):
                known[snapshot.record_id] = core.stored(snapshot)
                newest[snapshot.record_id] = (event, snapshot)
        sources, destinations = [], []
        for record, (event, snapshot) in newest.items():
            document = settings.get(event.company_id)
            if document is None or document.route is None or snapshot.account_id == document.route.source:
                automatic = snapshot.rev if getattr(event.body, "cause", None) in AUTOMATIC else None
                sources.append((event.company_id, record, automatic))
            elif not core.same(before.get(record), known[record]):  # else our own write comes back
                destinations.append(record)
        new = await snapshots.save_snapshots(
            tx, [(e.company_id, f, known[r].employee) for r, (e, f) in newest.items()], sources
        )
        records = await record_states.sources_of(tx, destinations)
        records += await snapshots.sources_named(
            tx,
            [source.account_id for document in settings.values() if (source := document.source())],
            _moved_names([(before.get(r), newest[r][1]) for r in destinations]),
        )
        records += [  # a new one that nobody pushes stands as its row was made: its match is not known yet
            record
            for _, record, automatic in sources
            if automatic is not None or record not in new or newest[record][1].state != "present"
        ]
        return records

    async def _save_links(
        self, tx: Tx, events: Sequence[Message[Any]], settings: Mapping[UUID, CompanySettings]
    ) -> tuple[list[UUID], dict[UUID, Push]]:
        """Keep mapper's results, and which directories are matched completely; the records to decide, and those to push."""
        matched = [e for e in events if type(e.body) is DirectoryMatched]
        whole = await directories.save_completion_markers(tx, [e for e in matched if e.body.parts])
        if whole:
            await record_states.mark_due(tx, whole, everything=False)
        if moved := whole | await directories.extend_marks(tx, [e for e in matched if not e.body.parts]):
            await directories.wake_creations(tx, moved)
        newest: dict[UUID, Message[Any]] = {}
        for event in events:
            if type(event.body) in SITUATIONS:
                known = newest.get(event.body.record_id)
                if known is None or known.body.link_rev < event.body.link_rev:
                    newest[event.body.record_id] = event
        linked = [e for e in newest.values() if type(e.body) is RecordLinked]
        pairs = {
            e.body.record_id: (e.company_id, e.body.record_id, e.body.destination_record_id) for e in linked
        }
        plain = [pairs[e.body.record_id] for e in linked if not e.body.then_push]
        created_by_us = await record_states.created_by_us(tx, plain)
        await record_states.save_match_results(tx, [core.match_result_of(e) for e in newest.values()])
        released = await record_states.release_created(tx, list(pairs.values()))
        failed = [e for e in events if type(e.body) is MatchFailed]
        for event in failed:
            await self._fail(tx, event, settings, event.body.reason)
        asked = {
            e.body.record_id: self._asked(e, settings, str(e.id))
            for e in newest.values()
            if getattr(e.body, "then_push", False)
        }
        records = [*(newest.keys() - created_by_us), *released, *(e.body.record_id for e in failed)]
        return records, {r: i for r, i in asked.items() if i}

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
            records = await self._fail(tx, message, settings, "internal")
            await self._decide(tx, records, settings, [message])

    async def _fail(
        self, tx: Tx, event: Message[Any], settings: Mapping[UUID, CompanySettings], reason: str
    ) -> list[UUID]:
        """Keep that this message's source record could not be handled, known or not; of a destination's, those it is of."""
        body, company = event.body, event.company_id
        document = settings.get(company)
        account = getattr(body, "account_id", None)
        if document and document.route and account == document.route.destination:
            records = await record_states.sources_of(tx, [body.record_id])
        else:
            records = [body.record_id]
            await snapshots.save_snapshots(tx, [], [(company, body.record_id, None)])
        states = await record_states.load_states(tx, records, settings)
        # What mapper could not match stays so once it is known; what is handled after all, lifts its own failure.
        unknown = (getattr(body, "source_rev", 0), document.version if document else 0)
        failures = [
            Failure(reason, None, basis.source_rev, basis.link_rev, basis.settings_version)
            if (basis := state.basis())
            else Failure(reason, None, unknown[0], state.link_rev, unknown[1])
            for state in states.values()
        ]
        await record_states.save_failures(
            tx, [(company, r, failure) for r, failure in zip(states, failures, strict=True)]
        )
        return records

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
            push = self._asked(event, settings, f"{command.run_id}/{selected.record_id}", selected.record_id)
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

    def _asked(
        self,
        event: Message[Any],
        settings: Mapping[UUID, CompanySettings],
        name: str,
        record: UUID | None = None,
    ) -> Push | None:
        """A new intent to push, with an id that a repeat of the command gives again."""
        document = settings.get(event.company_id)
        account = document.destination() if document else None
        if account is None or not account.connected:
            return None
        lane = event.lane if not isinstance(event.body, SyncRecords) or event.body.parts == 1 else Lane.BULK
        return Push(
            derived(event.company_id, name),
            record or event.body.record_id,
            account.account_id,
            PushState.WAITING,
            run_id=event.run_id,
            actor=event.actor,
            lane=lane,
        )

    async def _decide(
        self,
        tx: Tx,
        records: Iterable[UUID],
        settings: Mapping[UUID, CompanySettings],
        events: Sequence[Message[Body]],
        asked: Mapping[UUID, Push] | None = None,
    ) -> None:
        causes: dict[UUID, Message[Body]] = {}
        by_company: dict[UUID, Message[Body]] = {}
        for event in events:
            causes[getattr(event.body, "record_id", event.company_id)] = event
            by_company[event.company_id] = event

        def cause(state: RecordState) -> Message[Body]:
            return causes.get(state.record_id) or by_company[state.company_id]

        states = await record_states.load_states(tx, records, settings)
        for record in (asked or {}).keys() & states.keys():
            state = states[record]
            states |= await deciding.end_retries(tx, state.company_id, {record: state}, PushOutcome.REPLACED)
        decisions = [
            core.decide(state, (asked or {}).get(state.record_id), lane=cause(state).lane)
            for state in states.values()
        ]
        await deciding.save(tx, self.outbox, decisions, cause, senders=self.senders)


def _name_lists(settings: CompanySettings) -> list[tuple[UUID, UUID, str]]:
    """The other lists of the destination, while it is connected, whose names nobody may repeat."""
    account = settings.destination()
    if account is None or not account.connected:
        return []
    return [(settings.company_id, account.account_id, kind) for kind in SYSTEMS[account.system].name_lists]


def _moved_names(changes: Sequence[tuple[StoredSnapshot | None, Snapshot]]) -> set[str]:
    """The display names that were given up or taken between these, in the form in which they are compared."""
    found: set[str] = set()
    for before, after in changes:
        old = orjson.loads(before.employee).get("display_name") if before else None
        new = after.employee.display_name if after.state == "present" else None
        if old != new or (before and before.state != after.state):
            found.update(core.name_form(name) for name in (old, new) if name)
    return found
