"""What importer read: store the facts, answer for source records, decide again whom a change moves."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.mapper import core, store
from services.mapper.core import Facts
from services.mapper.deciding import Deciding, MatchRequest, MatchRoute, taking_part
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
        records = [e for e in events if not isinstance(e.body, DirectoryComplete)]
        before = await store.load_facts(tx, {e.body.record_id: e.company_id for e in records})
        after = fold(before, records)
        changes = [(old, new) for r, new in after.items() if (old := before.get(r)) != new]
        await store.save_facts(tx, changes)
        routes = await deciding.routes(tx)
        moved = await _moved(tx, routes, records, changes)
        await _open_twins(tx, deciding, routes, changes)
        requests, outgoing = _requests(routes, records, after)
        outgoing += await deciding.match(tx, routes, requests, moved)
        markers = [e for e in events if isinstance(e.body, DirectoryComplete)]
        if markers:
            await _add_markers(tx, routes, markers)
            outgoing += await deciding.finish(tx, routes)
        await deciding.outbox.append(tx, outgoing)

    return on_employees


def make_on_dead_letter(deciding: Deciding) -> Callable[[Message[Any], Tx], Awaitable[None]]:
    """What a dead-lettered message shows on its source record."""

    async def on_dead_letter(message: Message[Any], tx: Tx) -> None:
        """Let the record say that mapper could not handle it. A destination's record holds the completion marker back."""
        body, route = message.body, (await deciding.routes(tx)).get(message.company_id)
        if isinstance(body, DirectoryComplete):
            return
        written: UUID | None = getattr(body, "account_id", None)
        if written is not None and route is not None and written != route.source:
            return
        failed = MatchFailed(
            record_id=body.record_id,
            account_id=written or (route.source if route else UUID(int=0)),
            source_rev=getattr(body, "rev", getattr(body, "source_rev", 0)),
            reason="internal",
        )
        await store.forget_hashes(tx, [body.record_id])
        await deciding.outbox.append(tx, [Outgoing(failed, message.company_id, message)])

    return on_dead_letter


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


def _requests(
    routes: Mapping[UUID, MatchRoute], events: Sequence[Message[Any]], after: Mapping[UUID, Facts]
) -> tuple[list[MatchRequest], list[Outgoing]]:
    """What must be answered by a decision, and the answers for records that were never readable."""
    requests, outgoing = [], []
    for event in events:
        body, route = event.body, routes.get(event.company_id)
        if route is None or body.account_id != route.source:
            continue
        facts = after[body.record_id]
        if facts.state != "unreadable":
            requests.append(MatchRequest(facts, event, changed=True))
            continue
        failed = MatchFailed(
            record_id=facts.record_id, account_id=facts.account_id, source_rev=facts.rev, reason="unreadable"
        )
        outgoing.append(Outgoing(failed, event.company_id, event))
    return requests, outgoing


async def _moved(
    tx: Tx, routes: Mapping[UUID, MatchRoute], events: Sequence[Message[Any]], changes: Sequence[Changed]
) -> dict[UUID, UUID]:
    """Link the destination records that we wrote; the source records (id → company) whose decision may hang on all this."""
    there = [
        new
        for _, new in changes
        if new.company_id in routes and new.account_id == routes[new.company_id].destination
    ]
    linked_sources = await store.linked_sources(tx, there)
    linked = await store.add_created(tx, _created(routes, events, linked_sources))
    linked_sources |= {destination: source for _, source, destination in linked}
    new = {new.record_id for old, new in changes if old is None}  # nobody can have named these
    moved = await store.sources_naming(
        tx, [(company, destination) for company, _, destination in linked if destination not in new]
    )
    moved |= await store.also_naming(tx, {source: company for company, source, _ in linked})
    destinations, turned = _probes(routes, changes, linked_sources)
    pairs = await store.rivals(tx, destinations, {c: w.source for c, w in routes.items()})
    moved |= {source: company for _, company, source in pairs}
    moved |= await store.sources_naming(
        tx, [(f.company_id, f.record_id) for f in destinations if f.record_id not in new]
    )
    moved |= {source: company for company, source, _ in linked}
    return moved | {
        linked_sources[f.record_id]: f.company_id for f in turned if f.record_id in linked_sources
    }


async def _open_twins(
    tx: Tx, deciding: Deciding, routes: Mapping[UUID, MatchRoute], changes: Sequence[Changed]
) -> None:
    """A destination record that surfaces beside the one that its person is linked to is a match case, never silent."""
    fresh = [
        new
        for old, new in changes
        if new.live
        and (route := routes.get(new.company_id)) is not None
        and new.account_id == route.destination
        and (old is None or old.keys != new.keys)
    ]
    linked = await store.linked_sources(tx, fresh)
    free = [f for f in fresh if f.record_id not in linked]
    if free:
        scorers = await deciding.scoring.scorers(tx, list({f.company_id for f in free}))
        sources = {c: w.source for c, w in routes.items()}
        await store.add_twins(tx, await scorers.twins(tx, free, sources, taking_part(routes)))


def _created(
    routes: Mapping[UUID, MatchRoute], events: Sequence[Message[Any]], linked_sources: Mapping[UUID, UUID]
) -> list[Created]:
    """The destination records that we wrote for a source record which they are not linked to."""
    return [
        Created(e.company_id, b.written_for, b.record_id, route.source, b.account_id, b.remote_id)
        for e in events
        if isinstance(b := e.body, EmployeeStaged) and b.written_for and linked_sources.get(b.record_id) != b.written_for
        and (route := routes.get(e.company_id)) and b.account_id == route.destination
    ]  # fmt: skip


def _probes(
    routes: Mapping[UUID, MatchRoute], changes: Sequence[Changed], linked_sources: Mapping[UUID, UUID]
) -> tuple[list[Facts], list[Facts]]:
    """Destination records on which cases may hang, as they were and as they are, and those that went or came back.

    Until the destination has been read completely nothing hangs on its records: then every source record is decided.
    """
    destinations: list[Facts] = []
    turned: list[Facts] = []
    for old, new in changes:
        route = routes.get(new.company_id)
        if route is None or new.account_id != route.destination:
            continue
        if old is not None and old._replace(rev=new.rev, traits=new.traits) == new:
            continue
        if route.complete and new.record_id not in linked_sources:
            destinations += [f for f in (old, new) if f is not None]
        if new.state == "removed" or (old is not None and old.state == "removed"):
            turned.append(new)
    return destinations, turned


async def _add_markers(
    tx: Tx, routes: Mapping[UUID, MatchRoute], markers: Sequence[Message[DirectoryComplete]]
) -> None:
    """Count the parts; a whole marker freezes the counts of both directories, and what is not linked is decided again."""
    await store.extend_marks(tx, [m for m in markers if not m.body.parts])
    for company, account in await store.add_completion_markers(tx, [m for m in markers if m.body.parts]):
        route = routes.get(company)
        if route is None or account not in (route.source, route.destination):
            continue
        await store.freeze(tx, company, route.source, route.destination)
        if route.complete or account == route.destination:
            await store.mark_unlinked_due(tx, company, route.source, route.destination)
