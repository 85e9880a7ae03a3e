"""The one step that handlers and worker share: load, decide, link, store, publish. Always under the companies' locks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.mapper import core, store
from services.mapper.core import Compared, Decision, Facts, Linked, MatchInput, MatchResult
from services.mapper.store import MatchState
from services.mapper.store.scoring import Scorers, Scoring
from shared.contracts.events import DirectoryMatched, MatchFailed, Message
from shared.db.companies import load_settings
from shared.db.tx import Tx
from shared.domain.values import Lane
from shared.messaging.outbox import Outbox, Outgoing

AT_ONCE = 500
"""More records than this that are moved by others are walked by the worker."""
_NOTHING = MatchState()


class MatchRoute(NamedTuple):
    """From which account to which a company's people go. Nobody can be found in a destination without records."""

    source: UUID
    destination: UUID
    confirm: bool
    scope: core.Scope
    complete: bool
    has_records: bool

    def takes_part(self, facts: Facts) -> bool:
        """Whether the company's scope lets this source record take part."""
        return self.scope.holds(facts.traits)


def taking_part(routes: Mapping[UUID, MatchRoute]) -> Callable[[Facts], bool]:
    """Whether the scope of its company lets a source record take part."""
    return lambda facts: routes[facts.company_id].takes_part(facts)


class MatchRequest(NamedTuple):
    """A message about a source record, with its newest stored facts.

    It must be answered, whether or not the answer is news, unless all it says is that the record has `changed`.
    """

    facts: Facts
    message: Message[Any] | None
    then_push: bool = False
    changed: bool = False


class Deciding:
    """Answers for source records, and publishes when a directory is matched."""

    def __init__(self, outbox: Outbox, partitions: int) -> None:
        """`partitions` is the number that `links` has."""
        self.outbox = outbox
        self.scoring = Scoring()
        self._partitions = partitions

    async def routes(self, tx: Tx) -> dict[UUID, MatchRoute]:
        """The routes of this transaction's companies, by company; one without an active route has none.

        Asked after the transaction's own facts are saved, for they may be the destination's first.
        """
        routes = {
            company: (
                source.account_id,
                destination.account_id,
                document.route.rules.confirm_matches,
                core.scope_of(document.route.rules.scope),
            )
            for company, document in (await load_settings(tx, tx.companies)).items()
            if document.route and (source := document.source()) and (destination := document.destination())
        }
        read = await store.load_directories(tx, {c: route[1] for c, route in routes.items()})
        return {company: MatchRoute(*route, *read[company]) for company, route in routes.items()}

    async def match(
        self,
        tx: Tx,
        routes: Mapping[UUID, MatchRoute],
        requests: Sequence[MatchRequest],
        moved: Mapping[UUID, UUID],
    ) -> list[Outgoing]:
        """Decide the records of `requests` and `moved` (id → company); what is to be published.

        A record that has changed, or that others affect, gets an answer only when it is news: a link that stands is none.
        """
        requested: dict[UUID, list[MatchRequest]] = {}
        for request in requests:
            if request.facts.company_id in routes:
                requested.setdefault(request.facts.record_id, []).append(request)
        causes = {a.facts.company_id: a.message for a in reversed(requests)}
        facts = [a[0].facts for a in requested.values()]
        moved = {r: c for r, c in moved.items() if r not in requested and c in routes}
        first = {f.record_id: f.company_id for f in facts}
        moved |= await store.also_naming(tx, first)
        moved = {r: c for r, c in moved.items() if r not in requested}
        if not facts and not moved:
            return []
        outgoing: list[Outgoing] = []
        scorers = await self.scoring.scorers(tx, list(routes))
        while facts := facts + await _at_once(tx, moved):
            ours = [
                f for f in facts if f.account_id == routes[f.company_id].source and f.state != "unreadable"
            ]
            match_states = await store.load_match_states(tx, ours, [w.destination for w in routes.values()])
            decided, again, linked = await self._decide(tx, scorers, routes, ours, match_states)
            naming = await store.sources_naming(tx, [(s.company_id, d.record_id) for s, d in linked])
            naming |= await store.also_naming(tx, {s.record_id: s.company_id for s, _ in linked})
            outgoing += await self._publish_results(tx, decided, match_states, requested, causes)
            naming |= await store.also_naming(tx, first)
            moved = {
                r: c for r, c in naming.items() if r not in decided and r not in {f.record_id for f in again}
            }
            requested = {r: a for r, a in requested.items() if r not in decided}
            facts, first = again, {}
        return outgoing

    async def sweep(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        """Decide these source records again, then the company's completion markers. A route that comes later marks all due."""
        routes = await self.routes(tx)
        outgoing = await self.match(tx, routes, (), dict.fromkeys(records, company)) if records else []
        return outgoing + await self.finish(tx, routes)

    async def failed(self, tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Outgoing]:
        """That these source records could not be decided."""
        facts = await store.load_facts(tx, dict.fromkeys(records, company))
        await store.forget_hashes(tx, records)
        return [
            Outgoing(
                MatchFailed(record_id=r, account_id=f.account_id, source_rev=f.rev, reason="internal"),
                company,
                lane=Lane.BULK,
            )
            for r, f in facts.items()
        ]

    async def _decide(
        self,
        tx: Tx,
        scorers: Scorers,
        routes: Mapping[UUID, MatchRoute],
        facts: Sequence[Facts],
        match_states: Mapping[UUID, MatchState],
    ) -> tuple[dict[UUID, tuple[MatchInput, Decision]], list[Facts], list[tuple[Facts, Facts]]]:
        """The decisions, the records that must be decided again because others were linked, and the new links."""
        match_inputs = await self._match_inputs(tx, scorers, routes, facts, match_states)
        decided = {s.facts.record_id: (s, core.decide(s)) for s in match_inputs}
        pairs = [
            (s.facts, next(c.facts for c in s.compared if c.facts.record_id == d.destination_record_id))
            for s, d in decided.values()
            if isinstance(d, Linked) and s.link is None
        ]
        if not pairs:
            return decided, [], []
        await store.add_auto_links(tx, pairs)
        taken = {d.record_id: s.record_id for s, d in pairs}
        again = _decide_without(decided, taken)
        return decided, again, pairs

    async def _match_inputs(
        self,
        tx: Tx,
        scorers: Scorers,
        routes: Mapping[UUID, MatchRoute],
        facts: Sequence[Facts],
        match_states: Mapping[UUID, MatchState],
    ) -> list[MatchInput]:
        """These source records with all that their decisions depend on."""
        destinations = {c: w.destination for c, w in routes.items() if w.has_records}
        lost = {
            to: f.company_id
            for f in facts
            if (to := match_states.get(f.record_id, _NOTHING).lost_to) is not None
        }
        chosen = await store.load_facts(tx, lost) if lost else {}
        searching = [f for f in facts if _is_open(f, routes[f.company_id], match_states)]
        compared = await scorers.compared(tx, searching, destinations)
        match_inputs = []
        for f in facts:
            route, known = routes[f.company_id], match_states.get(f.record_id, _NOTHING)
            there = known.link.destination if known.link else None
            wish = chosen.get(known.lost_to) if known.lost_to else None
            match_inputs.append(MatchInput(
                f, route.destination, route.complete, route.confirm, known.link, known.create, known.refused,
                known.lost, wish, known.excluded, not route.takes_part(f), (Compared(wish, scorers.score(f, wish)),) if wish
                else tuple(c for c in compared.get(f.record_id, ()) if c.facts.record_id not in known.dismissed),
                scorers.score(f, there) if there is not None and there.live else None, scorers.generation(f.company_id),
            ))  # fmt: skip
        sources = {c: w.source for c, w in routes.items()}
        return await scorers.with_rivals(tx, match_inputs, sources, taking_part(routes))

    async def _publish_results(
        self,
        tx: Tx,
        decided: Mapping[UUID, tuple[MatchInput, Decision]],
        match_states: Mapping[UUID, MatchState],
        requested: Mapping[UUID, Sequence[MatchRequest]],
        causes: Mapping[UUID, Message[Any] | None],
    ) -> list[Outgoing]:
        """What is to be published of these decisions; it is remembered."""
        outgoing, results, stale, named = [], [], [], []
        for record, (match_input, decision) in decided.items():
            facts, last = match_input.facts, match_states.get(record, _NOTHING).result
            digest, rev = core.hash_of(match_input, decision), last.link_rev if last else 0
            news = core.is_news(last, digest, match_input, decision)
            requests = [r for r in requested.get(record, ()) if news or not r.changed]
            if not news and not requests:
                continue
            for request in requests or [MatchRequest(facts, causes.get(facts.company_id))]:
                rev += 1
                body = core.event_of(match_input, decision, rev, then_push=request.then_push)
                lane = None if request.message else Lane.BULK
                outgoing.append(Outgoing(body, facts.company_id, request.message, lane))
            situation, reason = type(decision).__name__.lower(), getattr(decision, "reason", "")
            results.append(MatchResult(
                facts.company_id, record, situation, reason, rev, facts.rev, digest, core.MATCHING_VERSION,
                match_input.generation,
            ))  # fmt: skip
            named += [(facts.company_id, c.record_id, record) for c in core.candidates_of(decision)]
            if last is not None and last.situation in ("disputed", "unlinked"):
                stale.append(last)
        await store.save_results(tx, results)
        await store.save_candidates(tx, stale, named)
        return outgoing

    async def finish(self, tx: Tx, routes: Mapping[UUID, MatchRoute]) -> list[Outgoing]:
        """Publish each directory that is matched now: to every partition of both lanes, behind the records' results.

        One that was matched before and whose marker was only extended is one message.
        """
        outgoing: list[Outgoing] = []
        for m in await store.finish_directories(tx, list(routes)):
            event = DirectoryMatched(account_id=m.account_id, as_of=m.as_of, base=m.base, part=0, parts=0)
            if m.extends:
                outgoing.append(Outgoing(event, m.company_id, lane=Lane.REAL_TIME))
                continue
            parts = {"parts": self._partitions}
            outgoing += [
                Outgoing(
                    event.model_copy(update={"part": part, **parts}), m.company_id, lane=lane, partition=part
                )
                for lane in Lane
                for part in range(self._partitions)
            ]
        return outgoing


def _decide_without(
    decided: dict[UUID, tuple[MatchInput, Decision]], taken: Mapping[UUID, UUID]
) -> list[Facts]:
    """Put right what rested on destination records that are linked to others now (destination → source).

    Returns who may be linked in their turn, or whose claims are not known: they are decided again, with all of it.
    """
    again: list[Facts] = []
    linked = set(taken.values())
    for record, (match_input, decision) in list(decided.items()):
        if record in linked or not core.rests_on(match_input, taken, linked):
            continue
        after = core.without(match_input, taken)
        if core.best_of(after) is None and not isinstance(decision, Linked):
            decided[record] = after, core.decide(after)
        else:
            again.append(match_input.facts)
            del decided[record]
    return again


def _is_open(facts: Facts, route: MatchRoute, match_states: Mapping[UUID, MatchState]) -> bool:
    """Whether the score decides: a live record that takes part, without a link and without a person's wish."""
    known = match_states.get(facts.record_id, _NOTHING)
    if not facts.live or known.create is not None or known.lost or known.excluded:
        return False
    if not route.has_records or not route.takes_part(facts):
        return False
    return known.link is None or core.is_gone(known.link)


async def _at_once(tx: Tx, records: Mapping[UUID, UUID]) -> list[Facts]:
    """The facts of these records (id → company); where they are too many, the worker decides them instead."""
    if len(records) > AT_ONCE:
        await store.mark_due(tx, records)
        return []
    return list((await store.load_facts(tx, records)).values()) if records else []
