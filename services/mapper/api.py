"""HTTP in: reads that only mapper can answer."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from services.mapper import core, store
from services.mapper.core import Facts
from services.mapper.core.normalise import number_key, words
from services.mapper.settings import Settings
from services.mapper.store import Kept
from shared.contracts.records import CompanySettings
from shared.db.companies import load_settings
from shared.db.tx import Database, Tx
from shared.http.auth import internal_only
from shared.http.problems import ProblemError

MAX_QUERY = 100


def make_routes(database: Database, settings: Settings) -> APIRouter:
    """mapper's internal API."""
    routes = APIRouter(
        prefix="/internal/{company}", dependencies=[Depends(internal_only(settings.internal_token))]
    )

    @routes.get("/records/{record}/candidates")
    async def candidates(company: UUID, record: UUID) -> dict[str, Any]:
        """A source record, how it stands, and who at the destination may be it: best first, each with its evidence."""
        async with database.transaction([company]) as tx:
            destination = _route(await _settings(tx, company))[1]
            source = (await store.load_facts(tx, {record: company})).get(record)
            if source is None or source.state == "unreadable":
                raise ProblemError("not-found", "There is no such record here.")
            kept = (await store.load_kept(tx, [source], [destination])).get(record, Kept())
            twins = (await store.twins(tx, [source], {company: destination})).get(record, ())
            alike = (await store.alike(tx, [source], {company: destination})).get(record, ())
        found = {o.facts.record_id: (o.facts, None) for o in alike} | {
            t.facts.record_id: (t.facts, t.taken_by) for t in twins
        }
        if kept.link is not None and kept.link.destination is not None:
            found[kept.link.destination_record_id] = kept.link.destination, record
        ranked = sorted(
            (_candidate(source, f, by) for f, by in found.values()),
            key=lambda c: (-c["confidence"], c["record_id"]),
        )
        return {
            "record": _shown(source),
            "situation": kept.answer.situation if kept.answer else None,
            "linked_to": str(kept.link.destination_record_id) if kept.link else None,
            "candidates": ranked,
        }

    @routes.get("/destination")
    async def destination(company: UUID, q: str = "") -> dict[str, Any]:
        """At most 50 records of the destination by name, number or e-mail address."""
        text = q[:MAX_QUERY]
        name, address = (s.replace("%", "").replace("_", r"\_") for s in (words(text), text.strip().lower()))
        async with database.transaction([company]) as tx:
            source, target = _route(await _settings(tx, company))
            found = await store.search(
                tx, company, target, source, name or "\x01" * bool(text), number_key(text), address or "\x01"
            )
        return {"items": [_shown(f) | {"linked_to": str(by) if by else None} for f, by in found]}

    return routes


async def _settings(tx: Tx, company: UUID) -> CompanySettings | None:
    return (await load_settings(tx, [company])).get(company)


def _route(settings: CompanySettings | None) -> tuple[UUID, UUID]:
    source, destination = (settings.source(), settings.destination()) if settings else (None, None)
    if source is None or destination is None:
        raise ProblemError("conflict", "Connect both systems and choose the source of truth first.")
    return source.account_id, destination.account_id


def _shown(facts: Facts) -> dict[str, Any]:
    return {
        "record_id": str(facts.record_id),
        "remote_id": facts.remote_id,
        "name": facts.name,
        "number": facts.number,
        "email": facts.email,
        "active": facts.active,
    }


def _candidate(source: Facts, other: Facts, linked_to: UUID | None) -> dict[str, Any]:
    evidence = core.compare(source, other)
    return _shown(other) | {
        "confidence": core.confidence(source, other, evidence),
        "evidence": [{"field": e.field, "verdict": e.verdict} for e in evidence],
        "linked_to": str(linked_to) if linked_to else None,
    }
