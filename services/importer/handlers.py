"""Kafka in: settings, hints, commands and our own writes become due reads and staged records."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from faststream.kafka import KafkaRouter

from services.importer import core
from services.importer.core import Fresh
from services.importer.settings import Settings
from services.importer.store import directories, snapshots, tasks
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.commands import ImportEmployees
from shared.contracts.events import (
    DirectoryWanted,
    ImportFailed,
    ImportStarted,
    Message,
    PushSucceeded,
    SourceChanged,
)
from shared.contracts.records import Cause, Lane, Rules
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing


def make_router(consume: Consume, outbox: Outbox, clock: Clock, settings: Settings) -> KafkaRouter:
    """importer's subscriptions."""
    router = KafkaRouter()
    on_commands = make_on_commands(outbox, clock, settings)
    on_pushes = make_on_pushes(outbox)
    consume.subscribe(router, topics.SETTINGS, on_settings)
    consume.subscribe(router, topics.NOTIFICATIONS, on_notifications)
    consume.subscribe(router, topics.IMPORTER_COMMANDS, on_commands)
    consume.subscribe(router, topics.PUSHES, on_pushes, only=(PushSucceeded, DirectoryWanted))
    return router


async def on_settings(events: Sequence[Message[Any]], tx: Tx) -> None:
    """Keep the settings; an account that a route begins to follow, or follows again after a pause, is read completely."""
    before = await load_settings(tx, {event.company_id for event in events})
    moved = await save_settings(tx, events)
    for company, settings in (await load_settings(tx, moved)).items():
        was = {a.account_id for a in before[company].followed()} if company in before else set()
        for account in settings.followed():
            known = await directories.directory(tx, company, account.account_id)
            if known["complete_as_of"] is None or account.account_id not in was:
                task_id = uuid5(account.account_id, f"first/{settings.version}")
                await tasks.add_task(
                    tx,
                    company,
                    account.account_id,
                    "full",
                    task_id,
                    Cause.READ,
                    Lane.BULK,
                    unless_waiting=True,
                )


async def on_notifications(events: Sequence[Message[Any]], tx: Tx) -> None:
    """Hints that records moved become one due read an account; many hints of one record are one read."""
    wanted: dict[tuple[UUID, UUID], dict[str, Message[SourceChanged]]] = defaultdict(dict)
    for event in events:
        wanted[event.company_id, event.body.account_id].setdefault(event.body.remote_id, event)
    for (company, account), hints in wanted.items():
        first = next(iter(hints.values()))
        await tasks.add_task(
            tx, company, account, "records", first.id, Cause.HOOK, Lane.REAL_TIME, remote_ids=list(hints)
        )


def make_on_commands(outbox: Outbox, clock: Clock, settings: Settings) -> Any:
    """The handler of importer's commands."""

    async def on_commands(events: Sequence[Message[Any]], tx: Tx) -> None:
        """An import asked for becomes a read task; one that came too late is answered, not obeyed."""
        answers: list[Outgoing] = []
        oldest = clock.now() - timedelta(days=settings.inbox_days - 1)
        for event in events:
            command: ImportEmployees = event.body
            if event.time < oldest:
                answers.append(
                    Outgoing(ImportFailed(run_id=command.run_id, reason="expired"), event.company_id, event)
                )
                continue
            kind = {"all": "full", "new": "new", "selected": "records"}[command.mode]
            lane = Lane.REAL_TIME if kind == "records" and command.parts == 1 else Lane.BULK
            await tasks.add_task(
                tx,
                event.company_id,
                command.account_id,
                kind,
                event.id,
                Cause.IMPORT,
                lane,
                run_id=command.run_id,
                actor=event.actor,
                parts=command.parts,
                remote_ids=command.remote_ids,
            )
            if command.part == 1:
                started = ImportStarted(
                    run_id=command.run_id, account_id=command.account_id, mode=command.mode
                )
                answers.append(Outgoing(started, event.company_id, event, run_id=command.run_id))
        await outbox.append(tx, answers)

    return on_commands


def make_on_pushes(outbox: Outbox) -> Any:
    """The handler of what syncer wrote and wants."""

    async def on_pushes(events: Sequence[Message[Any]], tx: Tx) -> None:
        """Stage our own writes as answered, so that they are never drift; read on when syncer wants a newer directory."""
        written = [e for e in events if isinstance(e.body, PushSucceeded) and e.body.action != "no_change"]
        for company in {e.company_id for e in written}:
            await _stage_written(tx, outbox, company, [e for e in written if e.company_id == company])
        for event in events:
            if isinstance(event.body, DirectoryWanted):
                account = event.body.account_id
                known = await directories.directory(tx, event.company_id, account)
                if known["complete_as_of"] is None or known["complete_as_of"] < event.body.not_before:
                    kind = "delta" if known["complete_as_of"] else "full"
                    await tasks.add_task(
                        tx,
                        event.company_id,
                        account,
                        kind,
                        event.id,
                        Cause.READ,
                        Lane.BULK,
                        unless_waiting=True,
                    )

    return on_pushes


async def _stage_written(
    tx: Tx, outbox: Outbox, company: UUID, events: Sequence[Message[PushSucceeded]]
) -> None:
    await snapshots.lock_accounts(tx, [e.body.destination_account_id for e in events])
    known = await snapshots.load_snapshots(tx, [e.body.destination_record_id for e in events])
    now = await snapshots.milliseconds(tx)
    saved: dict[UUID, core.Snapshot] = {}
    said: list[Outgoing] = []
    for event in events:
        staging = core.stage(
            known,
            [_fresh(event.body)],
            rules=Rules(),
            cause=Cause.PUSH,
            is_source=False,
            only_new=False,
            milliseconds=now,
        )
        for snapshot in staging.saved:
            known[snapshot.record_id] = saved[snapshot.record_id] = snapshot
        said.extend(Outgoing(e, company, event) for e in staging.events)
    await snapshots.save_snapshots(tx, company, list(saved.values()))
    await outbox.append(tx, said)


def _fresh(body: PushSucceeded) -> Fresh:
    return Fresh(
        body.destination_record_id,
        body.destination_account_id,
        body.destination_remote_id,
        body.employee,
        body.remote_version,
        None,
        body.requested_at,
        body.answered_at,
        None,
        None,
        written_for=body.record_id,
    )
