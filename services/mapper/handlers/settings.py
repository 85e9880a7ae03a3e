"""What administrators set."""

from collections.abc import Sequence
from typing import Any

from services.mapper import store
from shared.contracts.events import Message
from shared.db.companies import load_settings, save_settings
from shared.db.tx import Tx
from shared.domain.settings import CompanySettings, Route


async def on_settings(events: Sequence[Message[Any]], tx: Tx) -> None:
    """Keep the settings; where the route, its scope or its matching rule moved, every source record is decided again."""
    before = await load_settings(tx, tx.companies)
    moved = await save_settings(tx, events)
    for company, settings in (await load_settings(tx, moved)).items():
        old, new = _matching(before.get(company)), _matching(settings)
        if new is None or new == old:
            continue
        await store.reverse_links(tx, company, new.source, new.destination)
        await store.freeze(tx, company, new.source, new.destination)
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
    rules = type(route.rules)(confirm_matches=route.rules.confirm_matches, scope=route.rules.scope)
    return Route(source=route.source, destination=route.destination, rules=rules)
