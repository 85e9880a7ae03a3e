"""Lists of who is who: cases, linked pairs, orphans, excluded records, duplicates."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.mapper import store
from services.mapper.api.candidates import Ranked, ranked
from services.mapper.api.common import MAX_QUERY, after_of, next_of, person, route_of
from services.mapper.store import cases
from services.mapper.store.cases import Ends, Wanted
from services.mapper.store.scoring import Scoring
from shared.contracts.cases import (
    CasePage,
    CaseView,
    DuplicateList,
    DuplicateView,
    ExcludedPage,
    ExcludedView,
    FirstCandidate,
    LinkPage,
    LinkView,
    MatchReport,
    PersonPage,
    PersonView,
)
from shared.db.tx import Database, Record, Tx
from shared.domain.search import pattern
from shared.systems.words import Names, reason_words

Limit = Annotated[int, Query(ge=1, le=200)]
Search = Annotated[str | None, Query(max_length=MAX_QUERY)]


def add(routes: APIRouter, database: Database, scoring: Scoring) -> None:
    """The lists."""
    _cases(routes, database, scoring)
    _links(routes, database)
    _others(routes, database)


def _cases(routes: APIRouter, database: Database, scoring: Scoring) -> None:
    @routes.get("/cases")
    async def listed(
        company: UUID,
        reason: Annotated[list[str], Query(default_factory=list)],
        q: Search = None,
        postponed: Annotated[bool | None, Query()] = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> CasePage:
        """One page of the source records that need a person's decision, by name, each with its best candidate."""
        place, wanted = after_of(after), Wanted(pattern(q), reason, postponed)
        async with database.transaction([company]) as tx:
            ends, called = await route_of(tx, company)
            found = await cases.cases(tx, ends, wanted, place, limit)
            rows = found.rows[:limit]
            best = await _best(tx, scoring, ends, rows)
        items = tuple(_case(row, best.get(row["record_id"], []), called) for row in rows)
        return CasePage(items=items, next=next_of(found, limit), total=found.total, counts=found.counts)


async def _best(tx: Tx, scoring: Scoring, ends: Ends, rows: list[Record]) -> dict[UUID, list[Ranked]]:
    facts = await store.load_facts(tx, {row["record_id"]: ends.company for row in rows})
    return await ranked(tx, await scoring.scorers(tx, [ends.company]), ends, list(facts.values()))


def _case(row: Record, candidates: list[Ranked], called: Names) -> CaseView:
    text, fix = reason_words(row["reason"], None, called)
    return CaseView(
        record=person(row),
        situation=row["situation"],
        reason=row["reason"],
        reason_text=text,
        fix=fix,
        link_rev=row["link_rev"],
        source_rev=row["source_rev"],
        candidates=len(candidates),
        first=_first(candidates),
        postponed_at=row["postponed_at"],
    )


def _first(candidates: list[Ranked]) -> FirstCandidate | None:
    """The best that is free, else the best."""
    one = next((c for c in candidates if c.linked_to is None and not c.refused), None)
    one = one or (candidates[0] if candidates else None)
    if one is None:
        return None
    return FirstCandidate(
        record_id=one.facts.record_id,
        remote_id=one.facts.remote_id,
        name=one.facts.name,
        confidence=one.candidate.confidence,
        bits=one.candidate.bits,
        vetoes=one.candidate.vetoes,
        linked_to=one.linked_to,
    )


def _links(routes: APIRouter, database: Database) -> None:
    @routes.get("/links")
    async def links(
        company: UUID,
        q: Search = None,
        origin: str | None = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> LinkPage:
        """One page of linked pairs, by the source record's name."""
        place = after_of(after)
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            found = await cases.links(tx, ends, pattern(q), origin, place, limit)
        items = tuple(_link(row) for row in found.rows[:limit])
        return LinkPage(items=items, next=next_of(found, limit), total=found.total, counts=found.counts)


def _link(row: Record) -> LinkView:
    source = person(row, row["destination_record_id"])
    name = " ".join(n for n in (row["there_first_name"], row["there_last_name"]) if n)
    destination = PersonView(
        record_id=row["destination_record_id"],
        remote_id=row["there_remote_id"] or row["destination_remote_id"],
        name=name,
        number=row["there_number"],
        email=row["there_email"],
        active=row["there_active"] or False,
        state=row["there_state"] or "unknown",
        linked_to=row["record_id"],
    )
    return LinkView(
        source=source,
        destination=destination,
        origin=row["origin"],
        matched_by=_matched_by(source, destination) if row["origin"] == "auto" else None,
        actor=row["actor"],
        linked_at=row["linked_at"],
    )


def _matched_by(source: PersonView, destination: PersonView) -> str:
    """What the two have in common now that identifies a person best."""
    number, email = (
        (a or "").strip().lower().lstrip("0") == (b or "").strip().lower().lstrip("0") and bool(a)
        for a, b in ((source.number, destination.number), (source.email, destination.email))
    )
    return "number" if number else "email" if email else "score"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _others(routes: APIRouter, database: Database) -> None:
    @routes.get("/orphans")
    async def orphans(
        company: UUID,
        q: Search = None,
        active: Annotated[bool | None, Query()] = None,
        after: str | None = None,
        limit: Limit = 50,
    ) -> PersonPage:
        """One page of the destination records that nobody is linked to, by name."""
        place = after_of(after)
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            found = await cases.orphans(tx, ends, pattern(q), place, limit, active=active)
        items = tuple(person(row) for row in found.rows[:limit])
        return PersonPage(items=items, next=next_of(found, limit), total=found.total)

    @routes.get("/excluded")
    async def excluded(
        company: UUID, q: Search = None, after: str | None = None, limit: Limit = 50
    ) -> ExcludedPage:
        """One page of the excluded source records, by name."""
        place = after_of(after)
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            found = await cases.excluded(tx, ends, pattern(q), place, limit)
        items = tuple(
            ExcludedView(
                record=person(row, row["linked_to"]),
                reason=row["note"],
                actor=row["actor"],
                excluded_at=row["decided_at"],
            )
            for row in found.rows[:limit]
        )
        return ExcludedPage(items=items, next=next_of(found, limit), total=found.total)

    @routes.get("/match-report")
    async def match_report(company: UUID) -> MatchReport:
        """How well the matching does, by what people decided."""
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            found = await cases.report(tx, ends)
            waiting = await cases.case_counts(tx, ends)
        origins, corrected = found["origin"], found["corrected"].get("auto", 0)
        automatic, manual = origins.get("auto", 0), origins.get("manual", 0)
        return MatchReport(
            automatic=automatic,
            manual=manual,
            created=origins.get("created", 0),
            corrected=corrected,
            precision=_share(automatic, automatic + corrected),
            recall=_share(automatic, automatic + manual),
            situations=found["situation"],
            cases=waiting,
        )

    @routes.get("/duplicates")
    async def duplicates(company: UUID) -> DuplicateList:
        """Records of one side that may be one person."""
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            groups = await cases.duplicates(tx, ends)
            known = await cases.people(tx, ends, [r for group in groups for r in group["records"]])
        return DuplicateList(
            items=tuple(
                DuplicateView(
                    side="source" if group["account_id"] == ends.source else "destination",
                    field=group["field"],
                    records=tuple(person(known[r], known[r]["linked_to"]) for r in group["records"]),
                )
                for group in groups
            )
        )
