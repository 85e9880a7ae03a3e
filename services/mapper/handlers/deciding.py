"""The one step that handlers and worker share: load, decide, link, remember, say. Always under the companies' locks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.mapper import core, store
from services.mapper.core import Answer, Decision, Facts, Linked, Subject
from services.mapper.store import Kept
from shared.contracts.events import DirectoryMatched, Message
from shared.contracts.records import Lane
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.messaging.outbox import Outbox, Outgoing

AT_ONCE = 500
"""More records than this that are moved by others are walked by the worker."""
_NOTHING = Kept()


class Way(NamedTuple):
    """From which account to which a company's people go. Nobody can be found in a destination that is not `inhabited`."""

    source: UUID
    destination: UUID
    confirm: bool
    complete: bool
    inhabited: bool


class Ask(NamedTuple):
    """A message about a source record that must be answered, whether or not the answer is new; its newest stored facts."""

    facts: Facts
    message: Message[Any] | None
    then_push: bool = False


class Deciding:
    """Answers for source records, and tells when a directory is matched."""

    def __init__(self, outbox: Outbox, partitions: int) -> None:
        """`partitions` is the number that `links` has."""
        self.outbox = outbox
        self._partitions = partitions

    async def ways(self, tx: Tx) -> dict[UUID, Way]:
        """The ways of this transaction's companies, by company; one without an active route has none.

        Asked after the transaction's own facts are saved, for they may be the destination's first.
        """
        routes = {
            company: (source.account_id, destination.account_id, document.route.rules.confirm_matches)
            for company, document in (await load_settings(tx, tx.companies)).items()
            if document.route and (source := document.source()) and (destination := document.destination())
        }
        read = await store.load_directories(tx, {c: destination for c, (_, destination, _) in routes.items()})
        return {company: Way(*route, *read[company]) for company, route in routes.items()}

    async def answer(
        self, tx: Tx, ways: Mapping[UUID, Way], asks: Sequence[Ask], moved: Mapping[UUID, UUID]
    ) -> list[Outgoing]:
        """Decide the records of `asks` and `moved` (id → company); what is to be said.

        Every ask is answered; a record that others moved is told only when its answer is another one.
        """
        asked: dict[UUID, list[Ask]] = {}
        for ask in asks:
            if ask.facts.company_id in ways:
                asked.setdefault(ask.facts.record_id, []).append(ask)
        causes = {a.facts.company_id: a.message for a in reversed(asks)}
        facts = [a[0].facts for a in asked.values()]
        moved = {r: c for r, c in moved.items() if r not in asked and c in ways}
        said: list[Outgoing] = []
        while facts := facts + await _at_once(tx, moved):
            ours = [f for f in facts if f.account_id == ways[f.company_id].source and f.state != "unreadable"]
            kept = await store.load_kept(tx, ours, [w.destination for w in ways.values()])
            decided, taken = await self._decide(tx, ways, ours, kept)
            said += await self._tell(tx, decided, kept, asked, causes)
            held = await store.held_by(tx, taken)
            moved = {r: c for r, c in held.items() if r not in decided}
            facts, asked = [], {}
        return said

    async def sweep(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        """Decide these source records again, then the company's marks. A route that comes later marks all due."""
        ways = await self.ways(tx)
        said = await self.answer(tx, ways, (), dict.fromkeys(records, company)) if records else []
        return said + await self.finish(tx, ways)

    async def _decide(
        self, tx: Tx, ways: Mapping[UUID, Way], facts: Sequence[Facts], kept: Mapping[UUID, Kept]
    ) -> tuple[dict[UUID, tuple[Subject, Decision]], list[tuple[UUID, UUID]]]:
        """Each record's decision, and the (company, destination record) that were linked by it."""
        subjects = await self._subjects(tx, ways, facts, kept)
        decided = {s.facts.record_id: (s, core.decide(s)) for s in subjects}
        pairs = [
            (s.facts, next(t.facts for t in s.twins if t.facts.record_id == d.destination_record_id))
            for s, d in decided.values()
            if isinstance(d, Linked) and s.link is None
        ]
        if pairs:
            await store.add_auto_links(tx, pairs)
            taken = {d.record_id: s.record_id for s, d in pairs}
            for record, (subject, decision) in decided.items():
                if any(c.record_id in taken for c in core.candidates_of(decision)):
                    left = core.without(subject, taken)
                    decided[record] = left, core.decide(left)
        return decided, [(d.company_id, d.record_id) for _, d in pairs]

    async def _subjects(
        self, tx: Tx, ways: Mapping[UUID, Way], facts: Sequence[Facts], kept: Mapping[UUID, Kept]
    ) -> list[Subject]:
        """These source records with all that their decisions depend on."""
        destinations = {c: w.destination for c, w in ways.items() if w.inhabited}
        subjects, searching = [], []
        for f in facts:
            way, known = ways[f.company_id], kept.get(f.record_id, _NOTHING)
            subjects.append(Subject(
                f, way.destination, way.complete, way.confirm, known.link, known.create, known.refused
            ))  # fmt: skip
            if way.inhabited and f.live and known.link is None and known.create is None:
                searching.append(f)
        if not searching:
            return subjects
        twins = await store.twins(tx, searching, destinations)
        alike = await store.alike(tx, [f for f in searching if f.record_id not in twins], destinations)
        return [
            s._replace(twins=twins.get(s.facts.record_id, ()), others=alike.get(s.facts.record_id, ()))
            for s in subjects
        ]

    async def _tell(
        self,
        tx: Tx,
        decided: Mapping[UUID, tuple[Subject, Decision]],
        kept: Mapping[UUID, Kept],
        asked: Mapping[UUID, Sequence[Ask]],
        causes: Mapping[UUID, Message[Any] | None],
    ) -> list[Outgoing]:
        """What is to be said of these decisions; it is remembered."""
        said, answers, stale, named = [], [], [], []
        for record, (subject, decision) in decided.items():
            facts, last, asks = subject.facts, kept.get(record, _NOTHING).answer, asked.get(record)
            digest, rev = core.hash_of(subject, decision), last.link_rev if last else 0
            if not asks and last is not None and (last.hash, last.source_rev) == (digest, facts.rev):
                continue
            for ask in asks or [Ask(facts, causes.get(facts.company_id))]:
                rev += 1
                body = core.event_of(subject, decision, rev, then_push=ask.then_push)
                lane = None if ask.message else Lane.BULK
                said.append(Outgoing(body, facts.company_id, ask.message, lane))
            situation, reason = type(decision).__name__.lower(), getattr(decision, "reason", "")
            answers.append(Answer(facts.company_id, record, situation, reason, rev, facts.rev, digest))
            named += [(facts.company_id, c.record_id, record) for c in core.candidates_of(decision)]
            if last is not None and last.situation in ("disputed", "unlinked"):
                stale.append(last)
        await store.save_answers(tx, answers)
        await store.save_candidates(tx, stale, named)
        return said

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


async def _at_once(tx: Tx, records: Mapping[UUID, UUID]) -> list[Facts]:
    """The facts of these records (id → company); where they are too many, the worker decides them instead."""
    if len(records) > AT_ONCE:
        await store.mark_due(tx, records)
        return []
    return list((await store.load_facts(tx, records)).values()) if records else []
