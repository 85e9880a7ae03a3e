"""What people decide about one record: stored, published, and answered with the record's new match."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.mapper import store
from services.mapper.core import Facts
from services.mapper.deciding import Deciding, MatchRequest, MatchRoute
from services.mapper.settings import Settings
from shared.clock import Clock
from shared.contracts.cases import Decision
from shared.contracts.commands import (
    CreateRecord,
    ExcludeRecord,
    IncludeRecord,
    LinkRecord,
    PostponeRecord,
    RefuseMatch,
    UndoDecision,
    UnlinkRecord,
)
from shared.contracts.events import Body, DecisionMade, MatchFailed, Message
from shared.db.tx import Tx
from shared.messaging.outbox import Outgoing

DONE = "done"
DECISIONS: Mapping[type[Body], Decision] = MappingProxyType(
    {
        LinkRecord: "link",
        UnlinkRecord: "unlink",
        CreateRecord: "create",
        RefuseMatch: "not_same",
        ExcludeRecord: "exclude",
        IncludeRecord: "include",
        PostponeRecord: "later",
        UndoDecision: "undo",
    }
)


def make_on_commands(
    deciding: Deciding, clock: Clock, settings: Settings
) -> Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]:
    """The handler of mapper's commands."""

    async def on_commands(events: Sequence[Message[Any]], tx: Tx) -> None:
        """One after the other, because the second may rest on the first; each is answered."""
        routes = await deciding.routes(tx)
        oldest = clock.now() - timedelta(days=settings.inbox_days - 1)
        outgoing: list[Outgoing] = []
        for event in events:
            outgoing += (
                await _execute(tx, deciding, routes, event)
                if event.time >= oldest
                else [_failed(event, routes, "expired")]
            )
        await deciding.outbox.append(tx, outgoing)

    return on_commands


def _failed(event: Message[Any], routes: Mapping[UUID, MatchRoute], reason: str) -> Outgoing:
    route = routes.get(event.company_id)
    failed = MatchFailed(
        record_id=event.body.record_id,
        account_id=route.source if route else UUID(int=0),
        source_rev=0,
        reason=reason,
    )
    return Outgoing(failed, event.company_id, event)


async def _execute(
    tx: Tx, deciding: Deciding, routes: Mapping[UUID, MatchRoute], event: Message[Any]
) -> list[Outgoing]:
    body, route, company = event.body, routes.get(event.company_id), event.company_id
    there: UUID | None = getattr(body, "destination_record_id", None)
    wanted = [body.record_id, *([there] if there else [])]
    known = await store.load_facts(tx, dict.fromkeys(wanted, company))
    source = known.get(body.record_id)
    if route is None or source is None or source.account_id != route.source:
        return [_failed(event, routes, "internal")]
    decision = DECISIONS[type(body)]
    if not isinstance(body, UndoDecision):
        await store.remember(tx, source, route.destination, decision)
    touched, outcome = await _carry_out(tx, route, source, known, event)
    made = DecisionMade(
        record_id=source.record_id,
        account_id=source.account_id,
        decision=decision,
        destination_record_id=there or (touched[0] if touched else None),
        note=getattr(body, "reason", ""),
        outcome=outcome,
    )
    then_push = getattr(body, "then_push", False) and outcome == DONE
    facts = await store.load_facts(tx, dict.fromkeys(touched, company))
    moved = await store.sources_naming(tx, [(company, d) for d in touched])
    pairs = await store.rivals(tx, list(facts.values()), {company: route.source})
    moved |= {record: company for _, _, record in pairs}
    answers = await deciding.match(tx, routes, [MatchRequest(source, event, then_push)], moved)
    return [Outgoing(made, company, event), *answers]


async def _carry_out(
    tx: Tx, route: MatchRoute, source: Facts, known: Mapping[UUID, Facts], event: Message[Any]
) -> tuple[list[UUID], str]:
    """Store the decision; the destination records that it concerns, and how it ended."""
    match event.body:
        case LinkRecord(destination_record_id=wanted):
            return await _link(tx, route, source, known.get(wanted), wanted, event.actor)
        case UnlinkRecord() | CreateRecord():
            return await _unlink(tx, route, source, event), DONE
        case RefuseMatch(destination_record_id=wanted):
            return await _refuse(tx, route, source, wanted, event.actor), DONE
        case ExcludeRecord(reason=reason):
            await store.drop_passing(tx, source)
            await store.add_decision(tx, source, "exclude", None, event.actor, reason)
        case IncludeRecord():
            await store.drop_passing(tx, source, "exclude")
        case PostponeRecord():
            await store.add_decision(tx, source, "later", None, event.actor)
        case UndoDecision():
            moved = await store.restore(tx, source, route.destination)
            return (moved, DONE) if moved is not None else ([], "link_taken")
        case _:
            msg = f"no decision: {type(event.body).__name__}"
            raise TypeError(msg)
    return [], DONE


async def _link(
    tx: Tx, route: MatchRoute, source: Facts, destination: Facts | None, wanted: UUID, actor: str | None
) -> tuple[list[UUID], str]:
    """Link the two; the destination records whose owner changed, and how it ended.

    gateway looked before it took the command, so where it cannot be any more somebody was faster: the record needs a
    person, and keeps why.
    """
    lost = "link_gone"
    if (
        destination is not None
        and destination.account_id == route.destination
        and destination.state != "removed"
    ):
        linked_sources = await store.linked_sources(tx, [destination])
        lost = "link_taken" if set(linked_sources.values()) - {source.record_id} else ""
    if lost or destination is None:
        await store.drop_decisions(tx, source, None)
        await store.add_decision(tx, source, lost, wanted, actor)
        return [], lost
    freed = await _free(tx, route, source, "unlink", actor, but=destination.record_id)
    await store.drop_decisions(tx, source, destination.record_id)
    await store.put_link(tx, source, destination, actor)
    return [destination.record_id, *freed], DONE


async def _free(
    tx: Tx, route: MatchRoute, source: Facts, kind: str, actor: str | None, but: UUID | None = None
) -> list[UUID]:
    """End the link, and keep that the pair is wrong and how it had come about, except with the record `but`."""
    gone = await store.remove_link(tx, source.company_id, source.record_id, route.destination)
    if gone is None:
        return []
    destination, origin = gone
    if destination != but:
        await store.add_decision(tx, source, kind, destination, actor, origin)
    return [destination]


async def _unlink(tx: Tx, route: MatchRoute, source: Facts, event: Message[Any]) -> list[UUID]:
    """End the link, for good; with `CreateRecord` a new record is wished for. The record that is free now."""
    await store.drop_decisions(tx, source, None)
    freed = await _free(tx, route, source, "unlink", event.actor)
    if isinstance(event.body, CreateRecord):
        await store.add_decision(tx, source, "create", None, event.actor)
    return freed


async def _refuse(tx: Tx, route: MatchRoute, source: Facts, other: UUID, actor: str | None) -> list[UUID]:
    """The two are not the same person; where they are linked, the link ends."""
    partner = await store.load_partners(
        tx, source.company_id, route.source, route.destination, [source.record_id]
    )
    await store.drop_passing(tx, source)
    if partner.get(source.record_id) == other:
        return await _free(tx, route, source, "refuse", actor)
    await store.add_decision(tx, source, "refuse", other, actor)
    return [other]
