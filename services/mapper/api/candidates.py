"""Who a source record may be, and why; searches of the destination; how a pair stands."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel

from services.mapper import core, store
from services.mapper.api.common import MAX_QUERY, person, route_of, shown
from services.mapper.core import Compared, Facts, Score
from services.mapper.store import MatchState, cases
from services.mapper.store.cases import Ends
from services.mapper.store.scoring import Scorers, Scoring
from shared.contracts.cases import Candidates, CandidateView, DirectoryView, PartView, VetoView
from shared.contracts.commands import MAX_IDS
from shared.contracts.events import Candidate
from shared.db.tx import Database, Record, Tx
from shared.http.problems import ProblemError
from shared.systems.words import reason_words


class Pair(BaseModel):
    """A source record, and the destination record that a decision names, if it does."""

    record: UUID
    destination: UUID | None = None


class Ranked(NamedTuple):
    """A candidate of a source record."""

    facts: Facts
    score: Score
    linked_to: UUID | None
    refused: bool

    @property
    def candidate(self) -> Candidate:
        """As it is published."""
        return core.candidate(self.facts, self.score)

    def view(self) -> CandidateView:
        """As it is shown: `start` and the parts add up to `bits`."""
        found = self.candidate
        return CandidateView(
            **shown(self.facts, self.linked_to).model_dump(),
            confidence=found.confidence,
            bits=found.bits,
            start=found.start,
            link_bits=core.LINK_BITS + self.score.extra,
            refused=self.refused,
            parts=tuple(
                PartView(field=e.field, level=e.level, text=core.LEVELS[e.level], bits=e.bits)
                for e in found.evidence
            ),
            vetoes=tuple(VetoView(code=v, text=core.VETOES[v]) for v in found.vetoes),
        )


async def ranked(tx: Tx, scorers: Scorers, ends: Ends, sources: Sequence[Facts]) -> dict[UUID, list[Ranked]]:
    """By source record: who at the destination it may be, best first; who it is linked to is among them."""
    states = await store.load_match_states(tx, sources, [ends.destination])
    compared = await scorers.compared(tx, sources, {ends.company: ends.destination})
    found = {}
    for source in sources:
        record, state = source.record_id, states.get(source.record_id, MatchState())
        others = {c.facts.record_id: c for c in compared.get(record, ())}
        there = state.link.destination if state.link is not None else None
        if there is not None and there.live and there.record_id not in others:
            others[there.record_id] = Compared(there, scorers.score(source, there), record)
        refused = state.refused | state.dismissed
        each = [Ranked(c.facts, c.score, c.taken_by, c.facts.record_id in refused) for c in others.values()]
        found[record] = sorted(each, key=lambda c: (c.refused, -c.score.bits, c.facts.record_id))
    return found


def _could_change(candidates: Sequence[Ranked]) -> tuple[str, ...]:
    free = [c.score for c in candidates if c.linked_to is None and not c.refused]
    return core.could_change(free[0], free[1] if len(free) > 1 else None) if free else ()


def add(routes: APIRouter, database: Database, scoring: Scoring) -> None:
    """Candidates, pairs and the directory."""

    @routes.get("/records/{record}/candidates")
    async def candidates(company: UUID, record: UUID) -> Candidates:
        """A source record, how it stands, and who at the destination may be it: best first, each with its evidence."""
        async with database.transaction([company]) as tx:
            ends, called = await route_of(tx, company)
            source = (await store.load_facts(tx, {record: company})).get(record)
            if source is None or source.state == "unreadable":
                raise ProblemError("not-found", "There is no such record here.")
            state = (await store.load_match_states(tx, [source], [ends.destination])).get(
                record, MatchState()
            )
            scorers = await scoring.scorers(tx, [company])
            found = (await ranked(tx, scorers, ends, [source]))[record]
            seen = {c.facts.record_id for c in found}
            more = await scorers.further(tx, source, ends.destination, seen)
            standing = (await cases.standings(tx, company, [record]))[record]
        result = state.result
        reason = result.reason if result else ""
        text, fix = reason_words(reason, None, called) if reason else ("", "")
        linked_to = state.link.destination_record_id if state.link else None
        return Candidates(
            record=shown(source, linked_to),
            situation=result.situation if result else None,
            reason=reason,
            reason_text=text,
            fix=fix,
            link_rev=result.link_rev if result else 0,
            source_rev=result.source_rev if result else source.rev,
            linked_to=linked_to,
            candidates=tuple(c.view() for c in found),
            more=more,
            could_change=() if linked_to else _could_change(found),
            postponed_at=standing["postponed_at"],
            excluded_for=standing["excluded_for"],
            undo=standing["undo"],
        )

    @routes.post("/pairs")
    async def pairs(
        company: UUID, asked: Annotated[list[Pair], Body(max_length=MAX_IDS)]
    ) -> list[dict[str, Any]]:
        """How each record and the one that it may be linked to stand now, for decisions about them; null where unknown."""
        records = [p.record for p in asked]
        wanted = {*records, *(p.destination for p in asked if p.destination is not None)}
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            known = await cases.people(tx, ends, list(wanted))
            standings = await cases.standings(tx, company, records)
        return [
            {
                "record": _standing(ends, known.get(p.record), standings[p.record]),
                "destination": _standing(ends, known.get(p.destination), None) if p.destination else None,
            }
            for p in asked
        ]

    @routes.get("/destination")
    async def destination(company: UUID, q: str = "") -> DirectoryView:
        """At most 50 records of the destination by name, number or e-mail address, the nearest first, typing slips or not."""
        async with database.transaction([company]) as tx:
            ends, _ = await route_of(tx, company)
            found = await cases.search(tx, ends, q[:MAX_QUERY])
        return DirectoryView(items=tuple(person(row, row["linked_to"]) for row in found))


def _standing(ends: Ends, row: Record | None, decided: Record | None) -> dict[str, Any] | None:
    if row is None:
        return None
    sides = {ends.source: "source", ends.destination: "destination"}
    found = {"side": sides.get(row["account_id"]), "state": row["state"], "linked_to": row["linked_to"]}
    if decided is None:
        return found
    return found | {
        "link_rev": decided["link_rev"] or 0,
        "excluded": decided["excluded_for"] is not None,
        "undo": decided["undo"],
    }
