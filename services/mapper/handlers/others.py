"""What syncer created, and what administrators set."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.mapper import store
from services.mapper.handlers.deciding import Ask, Deciding
from services.mapper.store.links import Created
from shared.contracts.events import Message, PushSucceeded
from shared.contracts.records import CompanySettings, Route
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx


def make_on_pushes(deciding: Deciding) -> Callable[[Sequence[Message[Any]], Tx], Awaitable[None]]:
    """The handler of `pushes`."""

    async def on_pushes(events: Sequence[Message[Any]], tx: Tx) -> None:
        """Who was created is linked to whom it was created for; a person's link stays, and the created one is a case."""
        created = [e for e in events if isinstance(e.body, PushSucceeded) and e.body.action == "create"]
        if not created:
            return
        await tx.lock_companies()
        ways = await deciding.ways(tx)
        known = await store.load_facts(tx, {
            r: e.company_id for e in created for r in (e.body.record_id, e.body.destination_record_id)
        })  # fmt: skip
        told = {
            (e.body.record_id, e.body.destination_record_id): e for e in created if e.body.record_id in known
        }
        linked = await store.add_created(tx, [
            Created(
                e.company_id, source, destination, known[source].account_id, e.body.destination_account_id,
                e.body.destination_remote_id,
            )
            for (source, destination), e in told.items()
        ])  # fmt: skip
        moved = await store.held_by(
            tx, [(c, destination) for c, _, destination in linked if destination in known]
        )
        asks = [Ask(known[source], told[source, destination]) for _, source, destination in linked]
        await deciding.outbox.append(tx, await deciding.answer(tx, ways, asks, moved))

    return on_pushes


async def on_settings(events: Sequence[Message[Any]], tx: Tx) -> None:
    """Keep the settings; where the route or its matching rule moved, every source record is decided again."""
    await tx.lock_companies()
    before = await load_settings(tx, tx.companies)
    moved = await save_settings(tx, events)
    for company, settings in (await load_settings(tx, moved)).items():
        old, new = _matching(before.get(company)), _matching(settings)
        if new is None or new == old:
            continue
        await store.flip(tx, company, new.source, new.destination)
        await store.mark_all_due(tx, company, new.source)


def _matching(settings: CompanySettings | None) -> Route | None:
    """The part of a route that matching depends on."""
    if (
        settings is None
        or settings.route is None
        or settings.source() is None
        or settings.destination() is None
    ):
        return None
    route = settings.route
    rules = type(route.rules)(confirm_matches=route.rules.confirm_matches)
    return Route(source=route.source, destination=route.destination, rules=rules)
