"""What people decide about one record."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.mapper import store
from services.mapper.core import Facts
from services.mapper.handlers.deciding import Ask, Deciding, Way
from services.mapper.settings import Settings
from shared.clock import Clock
from shared.contracts.commands import CreateRecord, LinkRecord
from shared.contracts.events import MatchFailed, Message
from shared.db.tx import Tx
from shared.messaging.outbox import Outgoing


def make_on_commands(
    deciding: Deciding, clock: Clock, settings: Settings
) -> Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]:
    """The handler of mapper's commands."""

    async def on_commands(events: Sequence[Message[Any]], tx: Tx) -> None:
        """One after the other, because the second may rest on the first; each is answered."""
        await tx.lock_companies()
        ways = await deciding.ways(tx)
        oldest = clock.now() - timedelta(days=settings.inbox_days - 1)
        said: list[Outgoing] = []
        for event in events:
            said += (
                await _obey(tx, deciding, ways, event)
                if event.time >= oldest
                else [_failed(event, ways, "expired")]
            )
        await deciding.outbox.append(tx, said)

    return on_commands


def _failed(event: Message[Any], ways: Mapping[UUID, Way], reason: str) -> Outgoing:
    way = ways.get(event.company_id)
    failed = MatchFailed(
        record_id=event.body.record_id,
        account_id=way.source if way else UUID(int=0),
        source_rev=0,
        reason=reason,
    )
    return Outgoing(failed, event.company_id, event)


async def _obey(tx: Tx, deciding: Deciding, ways: Mapping[UUID, Way], event: Message[Any]) -> list[Outgoing]:
    body, way, company = event.body, ways.get(event.company_id), event.company_id
    wanted = {body.record_id: company}
    if isinstance(body, LinkRecord):
        wanted[body.destination_record_id] = company
    known = await store.load_facts(tx, wanted)
    source = known.get(body.record_id)
    if way is None or source is None or source.account_id != way.source:
        return [_failed(event, ways, "internal")]
    if isinstance(body, LinkRecord):
        destination = known.get(body.destination_record_id)
        touched = await _link(tx, way, source, destination, event.actor)
        then_push = body.then_push and touched is not None
        touched = touched or []
    else:
        touched, then_push = await _part(tx, way, source, event), False
    facts = await store.load_facts(tx, dict.fromkeys(touched, company))
    moved = await store.held_by(tx, [(company, d) for d in touched])
    moved |= await store.affected_by_destinations(
        tx, [(f, True) for f in facts.values()], {company: way.source}
    )
    return await deciding.answer(tx, ways, [Ask(source, event, then_push)], moved)


async def _link(
    tx: Tx, way: Way, source: Facts, destination: Facts | None, actor: str | None
) -> list[UUID] | None:
    """Link the two; the destination records whose owner changed, or None where it cannot be."""
    if destination is None or destination.account_id != way.destination or destination.state == "removed":
        return None
    owners = await store.owners(tx, [destination])
    if set(owners.values()) - {source.record_id}:
        return None
    freed = await store.remove_link(tx, source.company_id, source.record_id, way.destination)
    await store.drop_decisions(tx, source, destination.record_id)
    await store.put_link(tx, source, destination, actor)
    return [destination.record_id, *([freed] if freed else [])]


async def _part(tx: Tx, way: Way, source: Facts, event: Message[Any]) -> list[UUID]:
    """End the link, for good; with `CreateRecord` a new record is wished for. The record that is free now."""
    freed = await store.remove_link(tx, source.company_id, source.record_id, way.destination)
    await store.drop_decisions(tx, source, None)
    if freed is not None:
        await store.add_decision(tx, source, "unlink", freed, event.actor)
    if isinstance(event.body, CreateRecord):
        await store.add_decision(tx, source, "create", None, event.actor)
    return [freed] if freed else []
