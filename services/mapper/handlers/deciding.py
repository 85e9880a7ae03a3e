"""The one step that handlers and worker share: load, decide, link, remember, say. Always under the companies' locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.mapper import core, store
from services.mapper.core import Decision, Facts, Linked, Subject
from services.mapper.store.links import Told
from services.mapper.store.records import Row
from shared.contracts.events import DirectoryMatched, Message
from shared.contracts.records import Lane
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.messaging.outbox import Outbox, Outgoing

AT_ONCE = 500
"""More records than this that are moved by others are walked by the worker."""


@dataclass(frozen=True, slots=True)
class Way:
    """From which account to which a company's people go."""

    source: UUID
    destination: UUID
    confirm: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A message about a source record that must be answered, whether or not the answer is new."""

    record_id: UUID
    message: Message[Any]
    then_push: bool = False


class Deciding:
    """Answers for source records, and tells when a directory is matched."""

    def __init__(self, outbox: Outbox, partitions: int) -> None:
        """`partitions` is the number that `links` has."""
        self.outbox = outbox
        self._partitions = partitions

    async def ways(self, tx: Tx) -> dict[UUID, Way]:
        """The ways of this transaction's companies, by company; one without an active route has none."""
        settings = await load_settings(tx, tx.companies)
        complete = await store.complete_directories(tx)
        ways = {}
        for company, document in settings.items():
            source, destination = document.source(), document.destination()
            if document.route is None or source is None or destination is None:
                continue
            ways[company] = Way(
                source.account_id,
                destination.account_id,
                document.route.rules.confirm_matches,
                (company, destination.account_id) in complete,
            )
        return ways

    async def answer(
        self, tx: Tx, ways: Mapping[UUID, Way], asks: Sequence[Ask], moved: Mapping[UUID, UUID]
    ) -> list[Outgoing]:
        """Decide the records of `asks` and `moved` (id → company); what is to be said.

        Every ask is answered; a record that others moved is told only when its answer is another one.
        """
        asked: dict[UUID, list[Ask]] = {}
        for ask in (a for a in asks if a.message.company_id in ways):
            asked.setdefault(ask.record_id, []).append(ask)
        moved = {r: c for r, c in moved.items() if r not in asked and c in ways}
        if len(moved) > AT_ONCE:
            await store.mark_due(tx, moved)
            moved = {}
        wanted = {r: a[0].message.company_id for r, a in asked.items()} | moved
        causes = {a.message.company_id: a.message for a in reversed(asks)}
        said: list[Outgoing] = []
        while wanted:
            rows = await self._rows(tx, ways, wanted)
            subjects, taken = await self._decide(tx, ways, rows)
            told, outgoing = self._tell(rows, subjects, asked, causes)
            await store.save_answers(tx, told)
            said += outgoing
            asked = {}
            held = await store.held_by(tx, [(company, d) for d, company in taken.items()])
            wanted = {r: c for r, c in held.items() if r not in wanted}
            if len(wanted) > AT_ONCE:
                await store.mark_due(tx, wanted)
                wanted = {}
        return said

    async def sweep(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        """Decide these source records again, then the company's marks. A route that comes later marks all due."""
        ways = await self.ways(tx)
        said = await self.answer(tx, ways, (), dict.fromkeys(records, company)) if records else []
        return said + await self.finish(tx, ways)

    async def _rows(self, tx: Tx, ways: Mapping[UUID, Way], wanted: Mapping[UUID, UUID]) -> list[Row]:
        rows = await store.load_subjects(tx, ((c, r, ways[c].destination) for r, c in wanted.items()))
        return [
            r
            for r in rows
            if r.facts.account_id == ways[r.facts.company_id].source and r.facts.state != "unreadable"
        ]

    async def _decide(
        self, tx: Tx, ways: Mapping[UUID, Way], rows: Sequence[Row]
    ) -> tuple[dict[UUID, tuple[Subject, Decision]], dict[UUID, UUID]]:
        """Each record's decision, and the destination records (id → company) that were linked by it."""
        destinations = {company: way.destination for company, way in ways.items()}
        open_facts = [r.facts for r in rows if r.facts.live and r.link is None and r.create is None]
        twins = await store.twins(tx, open_facts, destinations)
        alike = await store.alike(tx, [f for f in open_facts if f.record_id not in twins], destinations)
        decided: dict[UUID, tuple[Subject, Decision]] = {}
        pairs: list[tuple[Facts, Facts]] = []
        for row in rows:
            way, record = ways[row.facts.company_id], row.facts.record_id
            subject = Subject(
                row.facts, way.destination, way.complete, way.confirm, row.link, row.create, row.refused,
                twins.get(record, ()), alike.get(record, ()),
            )  # fmt: skip
            decision = core.decide(subject)
            decided[record] = subject, decision
            if isinstance(decision, Linked) and row.link is None:
                pairs.append(
                    (
                        row.facts,
                        next(
                            t.facts
                            for t in subject.twins
                            if t.facts.record_id == decision.destination_record_id
                        ),
                    )
                )
        if pairs:
            await store.add_auto_links(tx, pairs)
            taken = {d.record_id: s.record_id for s, d in pairs}
            for record, (subject, decision) in decided.items():
                if any(c.record_id in taken for c in core.candidates_of(decision)):
                    left = core.without(subject, taken)
                    decided[record] = left, core.decide(left)
        return decided, {d.record_id: d.company_id for _, d in pairs}

    def _tell(
        self,
        rows: Sequence[Row],
        decided: Mapping[UUID, tuple[Subject, Decision]],
        asked: Mapping[UUID, Sequence[Ask]],
        causes: Mapping[UUID, Message[Any]],
    ) -> tuple[list[Told], list[Outgoing]]:
        told, said = [], []
        for row in rows:
            facts = row.facts
            subject, decision = decided[facts.record_id]
            digest = core.hash_of(subject, decision)
            asks, last = asked.get(facts.record_id, ()), row.answer
            same = last is not None and last.hash == digest and last.source_rev == facts.rev
            if not asks and same:
                continue
            rev = last.link_rev if last else 0
            for ask in asks:
                rev += 1
                body = core.event_of(subject, decision, rev, then_push=ask.then_push)
                said.append(Outgoing(body, facts.company_id, ask.message))
            if not asks:
                rev += 1
                cause = causes.get(facts.company_id)
                lane = None if cause else Lane.BULK
                said.append(Outgoing(core.event_of(subject, decision, rev), facts.company_id, cause, lane))
            named = tuple(c.record_id for c in core.candidates_of(decision))
            situation = type(decision).__name__.lower()
            reason = getattr(decision, "reason", "")
            told.append(Told(
                facts.company_id, facts.record_id, situation, reason, rev, facts.rev, digest, named,
                renamed=row.situation in ("disputed", "unlinked"),
            ))  # fmt: skip
        return told, said

    async def finish(self, tx: Tx, ways: Mapping[UUID, Way]) -> list[Outgoing]:
        """Say of each mark that is matched now so: to every partition of both lanes, behind the records' answers."""
        parts = self._partitions
        return [
            Outgoing(
                DirectoryMatched(account_id=account, as_of=as_of, part=part, parts=parts),
                company,
                lane=lane,
                partition=part,
            )
            for company, account, as_of in await store.finish_directories(tx, list(ways))
            for lane in Lane
            for part in range(parts)
        ]


def removed(facts: Facts, rev: int) -> Facts:
    """The same record, gone: it matches nobody."""
    return replace(
        facts, rev=rev, state="removed", number_key=None, email_key=None, phone_key=None,
        block_a=None, block_b=None, block_c=None, block_d=None, born_key=None,
    )  # fmt: skip
