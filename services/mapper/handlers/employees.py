"""What importer read: store the facts, answer for source records, decide again whom a change moves."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.mapper import core, store
from services.mapper.core import Facts
from services.mapper.handlers.deciding import Ask, Deciding, Way
from services.mapper.store.links import Created
from shared.contracts.events import (
    DirectoryComplete,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    MatchFailed,
    Message,
)
from shared.db.tx import Tx
from shared.messaging.outbox import Outgoing

Changed = tuple[Facts | None, Facts]


def make_on_employees(deciding: Deciding) -> Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]:
    """The handler of `employees`."""

    async def on_employees(events: Sequence[Message[Any]], tx: Tx) -> None:
        """Every event about a source record is answered; marks count behind the records of their batch."""
        await tx.lock_companies()
        records = [e for e in events if not isinstance(e.body, DirectoryComplete)]
        before = await store.load_facts(tx, {e.body.record_id: e.company_id for e in records})
        after = fold(before, records)
        changes = [(old, new) for r, new in after.items() if (old := before.get(r)) != new]
        await store.save_facts(tx, changes)
        ways = await deciding.ways(tx)
        moved = await _moved(tx, ways, records, changes)
        asks, said = _asks(ways, records, after)
        said += await deciding.answer(tx, ways, asks, moved)
        marks = [e for e in events if isinstance(e.body, DirectoryComplete)]
        if marks:
            await _mark(tx, ways, marks)
            said += await deciding.finish(tx, ways)
        await deciding.outbox.append(tx, said)

    return on_employees


def make_on_parked(deciding: Deciding) -> Callable[[Message[Any], Tx], Awaitable[None]]:
    """What a parked message about a source record shows."""

    async def on_parked(message: Message[Any], tx: Tx) -> None:
        """Let the record say that mapper could not handle it."""
        body, way = message.body, (await deciding.ways(tx)).get(message.company_id)
        if isinstance(body, DirectoryComplete) or way is None or body.account_id != way.source:
            return
        failed = MatchFailed(
            record_id=body.record_id, account_id=body.account_id, source_rev=body.rev, reason="internal"
        )
        await deciding.outbox.append(tx, [Outgoing(failed, message.company_id, message)])

    return on_parked


def fold(before: Mapping[UUID, Facts], events: Sequence[Message[Any]]) -> dict[UUID, Facts]:
    """The newest facts of every record the events name. Older revs change nothing."""
    after: dict[UUID, Facts] = {}
    for event in events:
        body = event.body
        known = after.get(body.record_id) or before.get(body.record_id)
        if known is None or body.rev > known.rev:
            known = _newer(known, event)
        after[body.record_id] = known
    return after


def _newer(known: Facts | None, event: Message[Any]) -> Facts:
    body = event.body
    if isinstance(body, EmployeeStaged):
        return core.facts_of(
            event.company_id, body.record_id, body.account_id, body.remote_id, body.rev, body.employee
        )
    if isinstance(body, EmployeeUnreadable) and known is not None and known.live:
        return known._replace(rev=body.rev)
    empty = Facts(
        event.company_id,
        body.record_id,
        body.account_id,
        body.remote_id,
        body.rev,
        "unreadable",
        active=False,
    )
    return core.removed(known or empty, body.rev) if isinstance(body, EmployeeRemoved) else empty


def _asks(
    ways: Mapping[UUID, Way], events: Sequence[Message[Any]], after: Mapping[UUID, Facts]
) -> tuple[list[Ask], list[Outgoing]]:
    """What must be answered by a decision, and the answers for records that were never readable."""
    asks, said = [], []
    for event in events:
        body, way = event.body, ways.get(event.company_id)
        if way is None or body.account_id != way.source:
            continue
        facts = after[body.record_id]
        if facts.state != "unreadable":
            asks.append(Ask(facts, event))
            continue
        failed = MatchFailed(
            record_id=facts.record_id, account_id=facts.account_id, source_rev=facts.rev, reason="unreadable"
        )
        said.append(Outgoing(failed, event.company_id, event))
    return asks, said


async def _moved(
    tx: Tx, ways: Mapping[UUID, Way], events: Sequence[Message[Any]], changes: Sequence[Changed]
) -> dict[UUID, UUID]:
    """Link the destination records that we wrote; the source records (id → company) whose decision may hang on all this."""
    there = [
        new
        for _, new in changes
        if new.company_id in ways and new.account_id == ways[new.company_id].destination
    ]
    owners = await store.owners(tx, there)
    linked = await store.add_created(tx, _created(ways, events, owners))
    owners |= {destination: source for _, source, destination in linked}
    new = {new.record_id for old, new in changes if old is None}  # nobody can have named these
    moved = await store.held_by(
        tx, [(company, destination) for company, _, destination in linked if destination not in new]
    )
    sources, destinations, turned = _probes(ways, changes, owners)
    moved |= await store.affected_by_sources(tx, sources, {c: w.destination for c, w in ways.items()})
    moved |= await store.affected_by_destinations(tx, destinations, {c: w.source for c, w in ways.items()})
    moved |= {source: company for company, source, _ in linked}
    return moved | {owners[f.record_id]: f.company_id for f in turned if f.record_id in owners}


def _created(
    ways: Mapping[UUID, Way], events: Sequence[Message[Any]], owners: Mapping[UUID, UUID]
) -> list[Created]:
    """The destination records that we wrote for a source record which they are not linked to."""
    return [
        Created(e.company_id, b.written_for, b.record_id, way.source, b.account_id, b.remote_id)
        for e in events
        if isinstance(b := e.body, EmployeeStaged) and b.written_for and owners.get(b.record_id) != b.written_for
        and (way := ways.get(e.company_id)) and b.account_id == way.destination
    ]  # fmt: skip


def _probes(
    ways: Mapping[UUID, Way], changes: Sequence[Changed], owners: Mapping[UUID, UUID]
) -> tuple[list[Facts], list[tuple[Facts, bool]], list[Facts]]:
    """What others may hang on: source records, destination records (by name too, or not), and those that went or came back."""
    sources: list[Facts] = []
    destinations: list[tuple[Facts, bool]] = []
    turned: list[Facts] = []
    for old, new in changes:
        way = ways.get(new.company_id)
        if way is None or (old is not None and old._replace(rev=new.rev) == new):
            continue
        if new.account_id == way.source and way.inhabited:
            strong = {(f.number_key, f.email_key): f for f in (old, new) if f is not None}
            if old is None or len(strong) > 1:
                sources += strong.values()
        elif new.account_id == way.destination:
            named = way.complete and new.record_id not in owners  # one that is linked is like nobody else
            destinations += [(f, named) for f in (old, new) if f is not None]
            if (old is not None and old.state == "removed") or new.state == "removed":
                turned.append(new)
    return sources, destinations, turned


async def _mark(tx: Tx, ways: Mapping[UUID, Way], marks: Sequence[Message[DirectoryComplete]]) -> None:
    """Count the parts; the first whole mark of a destination opens what waited for it."""
    for company, account in await store.add_marks(tx, marks):
        way = ways.get(company)
        if way is not None and account == way.destination and not way.complete:
            await store.mark_potential_due(tx, company, way.source, way.destination)
