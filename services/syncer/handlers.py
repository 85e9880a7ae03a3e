"""Kafka in: facts, links, rules and commands move the records' standings."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaRouter

from services.syncer import core
from services.syncer.core import Case, Fact, Failure, Item
from services.syncer.settings import Settings
from services.syncer.store import deciding, directories, facts, runs, subjects
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.commands import SyncRecords
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
from shared.contracts.records import Cause, CompanySettings
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing, derived

AUTOMATIC = (Cause.HOOK, Cause.SWEEP)


def make_router(consume: Consume, outbox: Outbox, clock: Clock, settings: Settings) -> KafkaRouter:
    """syncer's subscriptions."""
    router = KafkaRouter()
    handlers = Handlers(outbox, clock, settings)
    consume.subscribe(router, topics.SETTINGS, handlers.on_settings)
    consume.subscribe(router, topics.EMPLOYEES, handlers.on_employees, on_parked=handlers.on_parked)
    consume.subscribe(router, topics.LINKS, handlers.on_links, on_parked=handlers.on_parked)
    consume.subscribe(router, topics.SYNCER_COMMANDS, handlers.on_commands, most=1)  # of 500 records each
    return router


@dataclass(frozen=True, slots=True)
class Handlers:
    """syncer's handlers; each takes the companies' locks first."""

    outbox: Outbox
    clock: Clock
    settings: Settings

    async def on_settings(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """A rule that moved may move every record: they are decided again in chunks.

        Who is disconnected may change unseen: nothing is created there before its directory has been read again.
        """
        await tx.lock_companies()
        moved = await save_settings(tx, events)
        if not moved:
            return
        settings = await load_settings(tx, moved)
        gone = [a.account_id for s in settings.values() for a in s.accounts if not a.connected]
        await directories.forget_directories(tx, gone)
        await subjects.mark_due(tx, moved, everything=True)

    async def on_employees(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Newer facts of source and destination records."""
        await tx.lock_companies()
        told = [e for e in events if type(e.body) in core.FACTS]
        if not told:
            return
        settings = await load_settings(tx, tx.companies)
        before = await facts.load_facts(tx, [e.body.record_id for e in told])
        known = dict(before)
        newest: dict[UUID, tuple[Message[Any], Fact]] = {}
        for event in told:
            fact = core.fact_of(event.body)
            if core.replaces(known.get(fact.record_id), fact):
                known[fact.record_id] = core.stored(fact)
                newest[fact.record_id] = (event, fact)
        await facts.save_facts(tx, [(e.company_id, f, known[r].employee) for r, (e, f) in newest.items()])
        sources, destinations = [], []
        for record, (event, fact) in newest.items():
            document = settings.get(event.company_id)
            if document is None or document.route is None or fact.account_id == document.route.source:
                automatic = fact.rev if getattr(event.body, "cause", None) in AUTOMATIC else None
                sources.append((event.company_id, record, automatic))
            elif not core.same(before.get(record), known[record]):  # else our own write comes back
                destinations.append(record)
        new = await subjects.add_subjects(tx, sources)
        records = await subjects.subjects_of(tx, destinations)
        records += [  # a new one that nobody pushes stands as its row was made: its match is not known yet
            record
            for _, record, automatic in sources
            if automatic is not None or record not in new or newest[record][1].state != "present"
        ]
        await self._decide(tx, records, settings, events)

    async def on_links(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """mapper's answers, and directories that have been matched completely."""
        await tx.lock_companies()
        settings = await load_settings(tx, tx.companies)
        whole = await directories.save_marks(tx, [e for e in events if type(e.body) is DirectoryMatched])
        if whole:
            await subjects.mark_due(tx, whole, everything=False)
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
        confirmed = await subjects.confirmed(tx, plain)
        await subjects.save_links(tx, [core.link_of(e) for e in newest.values()])
        disowned = await subjects.disown(tx, list(pairs.values()))
        failed = [e for e in events if type(e.body) is MatchFailed]
        for event in failed:
            await self._fail(tx, event.company_id, event.body.record_id, settings)
        asked = {e.body.record_id: self._asked(e, settings, str(e.id)) for e in linked if e.body.then_push}
        records = [*(newest.keys() - confirmed), *disowned, *(e.body.record_id for e in failed)]
        await self._decide(tx, records, settings, events, {r: i for r, i in asked.items() if i})

    async def on_commands(self, events: Sequence[Message[Any]], tx: Tx) -> None:
        """Push the selected records, and only those; each part of a selection is taken in once."""
        await tx.lock_companies()
        settings = await load_settings(tx, tx.companies)
        for event in events:
            await self._sync(tx, event, settings)

    async def on_parked(self, message: Message[Any], tx: Tx) -> None:
        """A message about a record could not be handled: the record shows it."""
        record = getattr(message.body, "record_id", None)
        if record is None:
            return
        await tx.lock_companies()
        settings = await load_settings(tx, tx.companies)
        await self._fail(tx, message.company_id, record, settings)
        await self._decide(tx, [record], settings, [message])

    async def _fail(
        self, tx: Tx, company: UUID, record: UUID, settings: Mapping[UUID, CompanySettings]
    ) -> None:
        case = (await subjects.load_cases(tx, [record], settings)).get(record)
        if case is not None and (basis := case.basis()):
            failure = Failure("internal", None, basis.source_rev, basis.link_rev, basis.settings_version)
            await subjects.save_failures(tx, [(company, record, failure)])

    async def _sync(
        self, tx: Tx, event: Message[SyncRecords], settings: Mapping[UUID, CompanySettings]
    ) -> None:
        command = event.body
        cases = await subjects.load_cases(tx, [s.record_id for s in command.records], settings)
        skipped: Counter[str] = Counter()
        asked: dict[UUID, Item] = {}
        expired = event.time < self.clock.now() - timedelta(days=self.settings.inbox_days - 1)
        for selected in command.records:
            case = cases.get(selected.record_id)
            why = "moved" if expired else core.skipped(case, selected, alone=command.total == 1)
            item = self._asked(event, settings, f"{command.run_id}/{selected.record_id}", selected.record_id)
            if why is not None or item is None:
                skipped[why or "disconnected"] += 1
            else:
                asked[selected.record_id] = core.careful(cases[selected.record_id], item)
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
        said: list[Outgoing] = []
        if seen == command.parts:
            started = SyncStarted(run_id=command.run_id, total=command.total, skipped=together)
            said.append(Outgoing(started, event.company_id, event))
        await subjects.save_failures(tx, [(event.company_id, r, None) for r in asked if cases[r].failure])
        await self.outbox.append(tx, said)
        decisions = [
            core.decide(cases[r]._replace(failure=None), item, lane=item.lane) for r, item in asked.items()
        ]
        await deciding.save(tx, self.outbox, decisions, lambda _: event)
        for run in await runs.end_runs(tx, event.company_id, [command.run_id]):
            if run["ended"]:
                body = SyncCompleted(
                    run_id=run["run_id"],
                    total=run["total"],
                    succeeded=run["succeeded"],
                    failed=run["failed"],
                    skipped=together,
                )
                await self.outbox.append(tx, [Outgoing(body, event.company_id, event)])

    def _asked(
        self,
        event: Message[Any],
        settings: Mapping[UUID, CompanySettings],
        name: str,
        record: UUID | None = None,
    ) -> Item | None:
        """A new intent to push, with an id that a repeat of the command gives again."""
        document = settings.get(event.company_id)
        account = document.destination() if document else None
        if account is None or not account.connected:
            return None
        lane = event.lane if not isinstance(event.body, SyncRecords) or event.body.parts == 1 else "bulk"
        return Item(
            derived(event.company_id, name),
            record or event.body.record_id,
            account.account_id,
            "waiting",
            run_id=event.run_id,
            actor=event.actor,
            lane=str(lane),
        )

    async def _decide(
        self,
        tx: Tx,
        records: Iterable[UUID],
        settings: Mapping[UUID, CompanySettings],
        events: Sequence[Message[Body]],
        asked: Mapping[UUID, Item] | None = None,
    ) -> None:
        causes: dict[UUID, Message[Body]] = {}
        by_company: dict[UUID, Message[Body]] = {}
        for event in events:
            causes[getattr(event.body, "record_id", event.company_id)] = event
            by_company[event.company_id] = event

        def cause(case: Case) -> Message[Body]:
            return causes.get(case.record_id) or by_company[case.company_id]

        cases = await subjects.load_cases(tx, records, settings)
        decisions = [
            core.decide(case, (asked or {}).get(case.record_id), lane=cause(case).lane)
            for case in cases.values()
        ]
        await deciding.save(tx, self.outbox, decisions, cause)
