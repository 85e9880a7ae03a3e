"""Kafka in: settings, hints, commands and our own writes become due reads and staged records."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid5

from faststream.kafka import KafkaRouter

from services.importer import core
from services.importer.core import Fresh
from services.importer.settings import Settings
from services.importer.store import asking, directories, snapshots, tasks
from services.importer.store.tasks import Claimed
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.commands import CancelImport, ImportEmployees
from shared.contracts.events import (
    Body,
    DirectoryWanted,
    EmployeeUnreadable,
    ImportCancelled,
    ImportFailed,
    ImportStarted,
    Message,
    PushAdopted,
    PushSucceeded,
    SourceChanged,
)
from shared.db.companies import load_settings, save_settings
from shared.db.handover import Handover
from shared.db.leases import LEASE_SECONDS
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings, Rules
from shared.domain.values import Action, Cause, Lane
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.subscription import Reads


def make_router(
    consume: Consume, outbox: Outbox, clock: Clock, settings: Settings, handover: Handover[Claimed]
) -> KafkaRouter:
    """importer's subscriptions."""
    router = KafkaRouter()
    on_notifications = make_on_notifications(handover)
    on_commands = make_on_commands(outbox, clock, settings)
    on_pushes = make_on_pushes(outbox)
    on_dead_letter = make_on_dead_letter(outbox)
    consume.subscribe(router, Reads(topics.SETTINGS, on_settings))
    consume.subscribe(router, Reads(topics.NOTIFICATIONS, on_notifications, on_dead_letter=on_dead_letter))
    consume.subscribe(router, Reads(topics.IMPORTER_COMMANDS, on_commands, on_dead_letter=on_dead_letter))
    pushes = (PushSucceeded, PushAdopted, DirectoryWanted)
    consume.subscribe(router, Reads(topics.PUSHES, on_pushes, only=pushes, on_dead_letter=on_dead_letter))
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
                await asking.add_task(
                    tx,
                    company,
                    account.account_id,
                    "full",
                    task_id,
                    Cause.READ,
                    Lane.BULK,
                    unless_waiting=True,
                )
        await directories.follow(tx, company, [a.account_id for a in settings.followed()])


def make_on_notifications(handover: Handover[Claimed]) -> Any:
    """The handler of hints."""

    async def on_notifications(events: Sequence[Message[SourceChanged]], tx: Tx) -> None:
        """Hints that records moved become a due read of the account, or join the one that waits.

        Where a reader is idle and no other read of hints of the account is under way, it gets the read with the commit.
        """
        hinted: defaultdict[tuple[UUID, UUID], list[SourceChanged]] = defaultdict(list)
        for event in events:
            hinted[event.company_id, event.body.account_id].append(event.body)
        settings = await load_settings(tx, [company for company, _ in hinted])
        written = [account for company, account in hinted if _is_written(settings.get(company), account)]
        if (
            written
        ):  # the answer to a write is staged before what is held is looked at, or sees the read that waits
            await snapshots.lock_accounts(tx, written)
        held = await snapshots.load_held(
            tx, [i for hint in chain(*hinted.values()) for i in hint.record_ids()]
        )
        given = 0
        for (company, account), hints in hinted.items():
            now, later = core.heeded(hints, held)
            wait = asking.ECHO_SECONDS
            if now:
                wait = asking.ANSWER_SECONDS if account in written else 0.0
            named = now + later
            for start in range(0, max(1, len(named)), asking.HINTS_AT_ONCE):
                free = not wait and handover.has_room(given)
                task = await asking.add_hints(
                    tx,
                    company,
                    account,
                    uuid5(events[0].id, f"{account}/{start}"),
                    named[start : start + asking.HINTS_AT_ONCE],
                    lease_seconds=LEASE_SECONDS if free else None,
                    delay_seconds=wait,
                )
                if task:
                    handover.give(tx, Claimed(task, settings.get(company)))
                    given += 1

    return on_notifications


def _is_written(settings: CompanySettings | None, account: UUID) -> bool:
    """Whether the company's route writes to this account."""
    return settings is not None and settings.route is not None and settings.route.destination == account


def make_on_commands(outbox: Outbox, clock: Clock, settings: Settings) -> Any:
    """The handler of importer's commands."""

    async def on_commands(events: Sequence[Message[Any]], tx: Tx) -> None:
        """An import asked for becomes a read task; one that came too late is answered, not obeyed."""
        answers: list[Outgoing] = []
        oldest = clock.now() - timedelta(days=settings.inbox_days - 1)
        for event in events:
            if isinstance(event.body, CancelImport):
                answers += await _cancel(tx, event)
                continue
            command: ImportEmployees = event.body
            if event.time < oldest:
                answers.append(
                    Outgoing(ImportFailed(run_id=command.run_id, reason="expired"), event.company_id, event)
                )
                continue
            kind = {"all": "full", "directory": "full", "new": "new", "selected": "records"}[command.mode]
            lane = Lane.REAL_TIME if kind == "records" and command.parts == 1 else Lane.BULK
            await asking.add_task(
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
                gone_at_most=command.gone_at_most,
            )
            if command.part == 1:
                started = ImportStarted(
                    run_id=command.run_id,
                    account_id=command.account_id,
                    mode=command.mode,
                    total=command.total,
                )
                answers.append(Outgoing(started, event.company_id, event, run_id=command.run_id))
        await outbox.append(tx, answers)

    return on_commands


async def _cancel(tx: Tx, event: Message[CancelImport]) -> list[Outgoing]:
    """Nothing more is read for the run, and that is published; not for one that is over."""
    counts = await tasks.cancel(tx, event.company_id, event.body.run_id)
    if counts is None:
        return []
    body = ImportCancelled(run_id=event.body.run_id, **counts)
    return [Outgoing(body, event.company_id, event, run_id=event.body.run_id)]


def make_on_pushes(outbox: Outbox) -> Any:
    """The handler of what syncer wrote and wants."""

    async def on_pushes(events: Sequence[Message[Any]], tx: Tx) -> None:
        """Stage our own writes as answered, so that they are never drift; read on when syncer wants a newer directory."""
        written = [e for e in events if _is_write(e.body)]
        for company in {e.company_id for e in written}:
            await _stage_written(tx, outbox, company, [e for e in written if e.company_id == company])
        for event in events:
            if isinstance(event.body, DirectoryWanted):
                account, not_before = event.body.account_id, event.body.not_before
                await directories.directory(tx, event.company_id, account)
                await asking.want_directory(tx, event.company_id, account, event.id, not_before)

    return on_pushes


def make_on_dead_letter(outbox: Outbox) -> Any:
    """What a dead-lettered message shows."""

    async def on_dead_letter(message: Message[Any], tx: Tx) -> None:
        """An import fails; a record that should have been read or staged is unreadable until its next read.

        Who wants a directory asks again.
        """
        body, company = message.body, message.company_id
        if isinstance(body, ImportEmployees):
            await tasks.give_up(tx, company, body.run_id)
            failed = ImportFailed(run_id=body.run_id, reason="internal")
            await outbox.append(tx, [Outgoing(failed, company, message, run_id=body.run_id)])
            return
        records = [_fresh(body).record_id] if isinstance(body, PushSucceeded | PushAdopted) else []
        if isinstance(body, SourceChanged):
            records = body.record_ids()
        if records:
            lost = await snapshots.mark_unreadable(tx, company, records, await snapshots.milliseconds(tx))
            outgoing = [EmployeeUnreadable(**dict(row.items()), reason="internal") for row in lost]
            await outbox.append(tx, [Outgoing(event, company, message) for event in outgoing])

    return on_dead_letter


def _is_write(body: Body) -> bool:
    """Whether it says what a system answered to a write of ours."""
    return isinstance(body, PushAdopted) or (
        isinstance(body, PushSucceeded) and body.action is not Action.NO_CHANGE
    )


async def _stage_written(
    tx: Tx, outbox: Outbox, company: UUID, events: Sequence[Message[PushSucceeded | PushAdopted]]
) -> None:
    fresh = [_fresh(e.body) for e in events]
    now = await snapshots.lock_accounts(tx, [one.account_id for one in fresh])
    known = await snapshots.load_snapshots(tx, [one.record_id for one in fresh])
    saved: dict[UUID, core.Snapshot] = {}
    outgoing: list[Outgoing] = []
    for event, one in zip(events, fresh, strict=True):
        staging = core.stage(
            known,
            [one],
            rules=Rules(),
            cause=Cause.PUSH,
            is_source=False,
            only_new=False,
            milliseconds=now,
        )
        for snapshot in staging.saved:
            known[snapshot.record_id] = saved[snapshot.record_id] = snapshot
        outgoing.extend(Outgoing(e, company, event) for e in staging.events)
    await snapshots.save_snapshots(tx, company, list(saved.values()))
    for account in {one.account_id for one in fresh}:
        written = [one.remote_id for one in fresh if one.account_id == account]
        task = uuid5(events[0].id, f"echoes/{account}")
        await asking.put_off_echoes(tx, company, account, task, written)
    await outbox.append(tx, outgoing)


def _fresh(body: PushSucceeded | PushAdopted) -> Fresh:
    """The record as its system answered: the destination's, or the source's own."""
    if isinstance(body, PushAdopted):
        record, account, remote_id = body.record_id, body.account_id, body.remote_id
    else:
        record, account, remote_id = (
            body.destination_record_id,
            body.destination_account_id,
            body.destination_remote_id,
        )
    return Fresh(
        record,
        account,
        remote_id,
        body.employee,
        body.remote_version,
        body.remote_updated_at,
        body.requested_at,
        body.answered_at,
        None,
        None,
        written_for=body.record_id,
    )
