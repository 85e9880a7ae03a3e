"""Comparing source records with whom their keys find, with the company's own counts."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from services.mapper import core
from services.mapper.core import Compared, Facts, MatchInput, Profile, Rival, Score, Scorer
from services.mapper.store.generations import load_counts, load_generations
from services.mapper.store.links import linked_sources
from services.mapper.store.matching import Near, candidates, linked_near, rivals, sharing
from services.mapper.store.records import load_facts, load_profiles
from shared.db.tx import Tx

_KEPT = 16
"""Companies whose counts a process keeps in memory."""


class Scoring:
    """Scores pairs of records; keeps the counts of the companies that it met last."""

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[int, Scorer]] = {}

    async def scorers(self, tx: Tx, companies: Sequence[UUID]) -> "Scorers":
        """What compares the records of these companies in this transaction."""
        generations = await load_generations(tx, companies)
        found: dict[UUID, tuple[int, Scorer]] = {}
        for company in companies:
            generation = generations.get(company, 0)
            kept = self._kept.pop(company, None)
            if kept is None or kept[0] != generation:
                kept = generation, Scorer(await load_counts(tx, company))
            found[company] = self._kept[company] = kept
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return Scorers(found)


class Scorers:
    """Compares records of several companies within one transaction."""

    def __init__(self, scorers: Mapping[UUID, tuple[int, Scorer]]) -> None:
        self._scorers = scorers
        self._profiles: dict[UUID, Profile] = {}
        self._facts: dict[UUID, Facts] = {}
        self._near: dict[UUID, Near] = {}
        self._scores: dict[UUID, dict[UUID, Score | None]] = defaultdict(dict)

    def generation(self, company: UUID) -> int:
        """The generation of the company's counts; 0 before the first."""
        return self._scorers[company][0]

    def score(self, source: Facts, destination: Facts) -> Score:
        """How the two agree, whatever the sum."""
        scorer = self._scorers[source.company_id][1]
        return scorer.score(self._profile(source), self._profile(destination))

    async def _possible(self, tx: Tx, near: Sequence[Near]) -> list[tuple[UUID, UUID, Score]]:
        """Of these source records with destination records the pairs that the score does not rule out."""
        missing = {r: company for s, company, others in near for r in (s, *others) if r not in self._profiles}
        if missing:
            self._profiles |= await load_profiles(tx, missing)
        found = []
        for source, company, others in near:
            scorer, mine, scores = self._scorers[company][1], self._profiles[source], self._scores[source]
            for other in others:
                if other not in scores:
                    scores[other] = scorer.candidate(mine, self._profiles[other])
                if (score := scores[other]) is not None:
                    found.append((source, other, score))
        return found

    async def _known(self, tx: Tx, records: Mapping[UUID, UUID]) -> dict[UUID, Facts]:
        """The facts of these records (id → company), each loaded once."""
        missing = {r: c for r, c in records.items() if r not in self._facts}
        if missing:
            self._facts |= await load_facts(tx, missing)
        return {r: self._facts[r] for r in records}

    def _profile(self, facts: Facts) -> Profile:
        known = self._profiles.get(facts.record_id)
        if known is None:
            known = self._profiles[facts.record_id] = facts.profile()
        return known

    async def compared(
        self, tx: Tx, sources: Sequence[Facts], destinations: Mapping[UUID, UUID]
    ) -> dict[UUID, tuple[Compared, ...]]:
        """By source record: whom the score does not rule out. `destinations` is company → account."""
        fresh = [s for s in sources if s.record_id not in self._near]
        self._near |= {n.record: n for n in await candidates(tx, fresh, destinations)}
        near = [self._near[s.record_id] for s in sources if s.record_id in self._near]
        self._profiles |= {s.record_id: s.profile() for s in sources if s.record_id not in self._profiles}
        pairs = await self._possible(tx, near)
        if not pairs:
            return {}
        company = {s.record_id: s.company_id for s in sources}
        facts = await self._known(tx, {d: company[s] for s, d, _ in pairs})
        taken = await linked_sources(tx, list(facts.values()))
        found: dict[UUID, list[Compared]] = defaultdict(list)
        for source, destination, score in pairs:
            found[source].append(Compared(facts[destination], score, taken.get(destination)))
        return {source: tuple(each) for source, each in found.items()}

    async def further(self, tx: Tx, source: Facts, destination: UUID, shown: Collection[UUID]) -> int:
        """How many more of the destination account share a key and are not ruled out by the score."""
        others = [r for r in await sharing(tx, source, destination) if r not in shown]
        return len(await self._possible(tx, [Near(source.record_id, source.company_id, others)]))

    async def twins(
        self,
        tx: Tx,
        destinations: Sequence[Facts],
        sources: Mapping[UUID, UUID],
        takes_part: Callable[[Facts], bool],
    ) -> list[tuple[Facts, Facts]]:
        """The linked source records that take part and would link to one of these if they were free, with it."""
        pairs = await linked_near(tx, destinations, sources)
        known = await load_facts(tx, {source: company for _, company, source in pairs}) if pairs else {}
        by_id = {d.record_id: d for d in destinations}
        return [
            (known[source], by_id[destination])
            for destination, _, source in pairs
            if takes_part(known[source]) and core.strong(self.score(known[source], by_id[destination]))
        ]

    async def with_rivals(
        self,
        tx: Tx,
        match_inputs: Sequence[MatchInput],
        sources: Mapping[UUID, UUID],
        takes_part: Callable[[Facts], bool],
    ) -> list[MatchInput]:
        """The same match inputs with who else claims the candidate that would link. `sources` is company → account."""
        best = {m.facts.record_id: c for m in match_inputs if (c := core.best_of(m)) is not None}
        wanted = {c.facts.record_id: c.facts for c in best.values()}
        least: dict[UUID, float] = {}
        for c in best.values():
            least[c.facts.record_id] = min(c.score.bits, least.get(c.facts.record_id, c.score.bits))
        identity = {
            d: core.identity_keys_of(self._profiles[d])
            for d, f in wanted.items()
            if self._scorers[f.company_id][1].bounds.without_identity(self._profiles[d])
            < least[d] - core.MARGIN_BITS
        }
        claims: dict[UUID, list[Rival]] = defaultdict(list)
        claimed: dict[tuple[UUID, UUID], list[UUID]] = defaultdict(list)
        for destination, company, source in await rivals(tx, list(wanted.values()), sources, identity):
            claimed[source, company].append(destination)
        pairs = await self._possible(tx, [Near(*source, found) for source, found in claimed.items()])
        self._facts |= {m.facts.record_id: m.facts for m in match_inputs}
        possible = {source for source, _, _ in pairs}
        known = await self._known(tx, {s: company for s, company in claimed if s in possible})
        for source, destination, score in pairs:
            if takes_part(known[source]):
                claims[destination].append(Rival(source, score))
        return [
            _claimed(m, c.facts.record_id, claims[c.facts.record_id])
            if (c := best.get(m.facts.record_id))
            else m
            for m in match_inputs
        ]


def _claimed(match_input: MatchInput, destination: UUID, claims: Sequence[Rival]) -> MatchInput:
    others = tuple(r for r in claims if r.record_id != match_input.facts.record_id)
    return match_input._replace(
        compared=tuple(
            c._replace(rivals=others) if c.facts.record_id == destination else c for c in match_input.compared
        )
    )
