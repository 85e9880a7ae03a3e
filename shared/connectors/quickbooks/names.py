"""The names of customers and vendors, which share one name space with the employees'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.connectors.ports import NamesPage
from shared.connectors.quickbooks import wire
from shared.connectors.quickbooks.paging import PAGE
from shared.connectors.quickbooks.session import ANYBODY, Session, other_shape, rows_of
from shared.connectors.quickbooks.wire import literal
from shared.domain.values import Holder


async def find_holders(session: Session, name: str) -> list[Holder]:
    """The vendor or customer of this display name, inactive ones too."""
    found = []
    for entity in ("Vendor", "Customer"):
        answer = await session.query(
            f"select * from {entity} where DisplayName in ({literal(name)}, {literal(f'{name} (deleted)')}) and {ANYBODY}"
        )
        found += _holders(entity, rows_of(entity, answer))
    return found


async def read_page(session: Session, kind: str, cursor: str | None) -> NamesPage:
    """One page of all of this kind."""
    entity, start = kind.capitalize(), int(cursor or 1)
    answer = await session.query(
        f"select Id, DisplayName, Active from {entity} where {ANYBODY} "
        f"orderby MetaData.CreateTime startposition {start} maxresults {PAGE}",
        bulk=True,
    )
    found = _holders(entity, rows_of(entity, answer))
    following = str(start + len(found)) if len(found) >= PAGE else None
    return NamesPage(found, following, wire.instant(answer.get("time")) or session.clock.now())


async def changed(session: Session, kind: str, since: datetime) -> NamesPage | None:
    """Those that changed; None when all must be read again."""
    found = await session.changed(kind.capitalize(), since)
    if found is None:
        return None
    holders = _holders(kind, found.there)
    return NamesPage(holders, None, found.as_of or session.clock.now(), found.gone)


def _holders(kind: str, rows: Sequence[Any]) -> list[Holder]:
    try:
        return [
            Holder(
                kind=kind.lower(),
                remote_id=str(one["Id"]),
                name=str(one["DisplayName"]),
                active=one.get("Active") is not False,
            )
            for one in rows
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise other_shape() from error
