"""What the routes share: the company's two accounts, records as they are shown, searches and places in lists."""

import base64
from typing import Any
from uuid import UUID

import orjson

from services.mapper.core import Facts
from services.mapper.store.cases import Ends, Page, Place
from shared.contracts.cases import PersonView
from shared.db.companies import load_settings
from shared.db.tx import Record, Tx
from shared.domain.settings import CompanySettings
from shared.http.problems import ProblemError
from shared.systems.words import Names, names

MAX_QUERY = 200


def ends_of(company: UUID, settings: CompanySettings | None) -> Ends:
    """The accounts of the company's route. Raises `conflict` while there is none."""
    source, destination = (settings.source(), settings.destination()) if settings else (None, None)
    if source is None or destination is None:
        raise ProblemError("conflict", "Connect both systems and choose the source of truth first.")
    return Ends(company, source.account_id, destination.account_id)


async def route_of(tx: Tx, company: UUID) -> tuple[Ends, Names]:
    """The accounts of the company's route, and how its systems are called. Raises `conflict` while there is none."""
    settings = (await load_settings(tx, [company])).get(company)
    return ends_of(company, settings), names(settings)


def person(row: Record, linked_to: UUID | None = None) -> PersonView:
    """A row of `people`."""
    return PersonView(
        record_id=row["record_id"],
        remote_id=row["remote_id"],
        name=" ".join(n for n in (row["first_name"], row["last_name"]) if n),
        number=row["number"],
        email=row["email"],
        active=row["active"],
        state=row["state"],
        linked_to=linked_to,
    )


def shown(facts: Facts, linked_to: UUID | None = None) -> PersonView:
    """A record as it is compared."""
    return PersonView(
        record_id=facts.record_id,
        remote_id=facts.remote_id,
        name=facts.name,
        number=facts.number,
        email=facts.email,
        active=facts.active,
        state=facts.state,
        linked_to=linked_to,
    )


def after_of(word: str | None) -> Place | None:
    """The place that `next_of` gave out. Raises `invalid` for anything else."""
    if word is None:
        return None
    try:
        last, first, record = orjson.loads(base64.urlsafe_b64decode(word.encode() + b"=" * (-len(word) % 4)))
        place = Place(str(last), str(first), UUID(record))
    except (ValueError, TypeError, AttributeError):
        place = None
    if place is None or "\0" in place.last + place.first:
        raise ProblemError("invalid", "`after` is not a place in this list. Begin at its start.")
    return place


def next_of(page: Page, limit: int) -> str | None:
    """Where the list goes on after its first `limit` rows; None at its end."""
    if len(page.rows) <= limit:
        return None
    end: Any = page.rows[limit - 1]
    values = [end["sort_last"], end["sort_first"], str(end["record_id"])]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")
