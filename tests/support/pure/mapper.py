"""Around services/mapper/core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.mapper import core as mapping
from services.mapper.core.counts import count
from services.mapper.handlers.employees import fold
from shared.contracts.commands import CreateRecord, LinkRecord
from shared.contracts.events import (
    DirectoryComplete,
    DirectoryMatched,
    EmployeeRemoved,
    EmployeeStaged,
    MatchFailed,
    Message,
    PushSucceeded,
    SettingsChanged,
)
from shared.domain.values import Lane
from tests.support.pure.directory import COMPANY

if TYPE_CHECKING:
    from tests.support.pure.world import World

PARTITIONS = 2
MatchRequest = tuple[mapping.Facts, Message[Any] | None, bool]


class Mapper:
    """Around services/mapper/core."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.facts: dict[UUID, mapping.Facts] = {}
        self.links: dict[UUID, mapping.Link] = {}
        self.results: dict[UUID, mapping.MatchResult] = {}
        self.refused: dict[UUID, set[UUID]] = defaultdict(set)
        self.wished: dict[UUID, datetime] = {}
        self.markers: set[tuple[datetime, Lane, int]] = set()
        self.complete: datetime | None = None
        self.matched: datetime | None = None
        self.due = False
        self.generation = 0
        self.scorer = mapping.Scorer(mapping.Counts({}, {}, 0))

    def _freeze(self) -> None:
        """The next generation of counts, of both directories as they stand."""
        sides = [
            [f.profile() for f in self.facts.values() if f.account_id == account and f.live]
            for account in (self.world.source.account, self.world.destination.account)
        ]
        self.generation, self.scorer = self.generation + 1, mapping.Scorer(count(*sides))

    def linked_sources(self) -> dict[UUID, UUID]:
        return {link.destination_record_id: source for source, link in self.links.items()}

    def on_settings(self, events: Sequence[Message[SettingsChanged]]) -> None:
        self.settings = max([self.settings, *(e.body.settings for e in events)], key=lambda s: s.version)
        self._freeze()
        self.due = True

    def on_employees(self, events: Sequence[Message[Any]]) -> None:
        records = [e for e in events if not isinstance(e.body, DirectoryComplete)]
        after = fold({r: f for e in records if (f := self.facts.get(r := e.body.record_id))}, records)
        self.facts |= after
        for e in records:
            b = e.body
            if (
                isinstance(b, EmployeeStaged)
                and b.written_for
                and b.account_id == self.world.destination.account
            ):
                self._join(b.written_for, b.record_id, b.remote_id)
        requests: list[MatchRequest] = []
        for e in (e for e in records if e.body.account_id == self.world.source.account):
            facts = after[e.body.record_id]
            if facts.state == "unreadable":
                head = {"record_id": facts.record_id, "account_id": facts.account_id, "source_rev": facts.rev}
                self.world.publish(MatchFailed(**head, reason="unreadable"), e)
            else:
                requests.append((facts, e, False))
        self._match(requests)
        for e in events:
            if isinstance(e.body, DirectoryComplete) and e.body.account_id == self.world.destination.account:
                self.markers.add((e.body.as_of, e.lane, e.body.part))
                whole = len([m for m in self.markers if m[0] == e.body.as_of]) == 2 * PARTITIONS
                if whole and (self.complete is None or self.complete < e.body.as_of):
                    self.due, self.complete = True, e.body.as_of
                    self._freeze()
        self._finish()

    def sweep(self) -> None:
        """Everybody who is due, then the mark."""
        if self.due:
            self._match([])
            self.due = False
        self._finish()

    def _finish(self) -> None:
        if (
            not self.due
            and self.complete is not None
            and (self.matched is None or self.matched < self.complete)
        ):
            self.matched = self.complete
            self.world.mark(DirectoryMatched, account_id=self.world.destination.account, as_of=self.matched)

    def on_pushes(self, events: Sequence[Message[Any]]) -> None:
        requests: list[MatchRequest] = []
        for e in events:
            b = e.body
            made = isinstance(b, PushSucceeded) and b.action == "create" and b.record_id in self.facts
            if made and self._join(b.record_id, b.destination_record_id, b.destination_remote_id):
                requests.append((self.facts[b.record_id], e, False))
        self._match(requests)

    def _join(self, source: UUID, destination: UUID, remote_id: str) -> bool:
        """Link what we created, unless a link or a person's decision stands against it."""
        if (
            destination in self.refused[source]
            or source in self.links
            or destination in self.linked_sources()
        ):
            return False
        self.links[source] = mapping.Link(destination, remote_id, "created", None)
        return True

    def on_commands(self, events: Sequence[Message[Any]]) -> None:
        for e in events:
            body, source = e.body, self.facts.get(e.body.record_id)
            if source is None:
                account = self.world.source.account
                self.world.publish(
                    MatchFailed(
                        record_id=body.record_id, account_id=account, source_rev=0, reason="internal"
                    ),
                    e,
                )
                continue
            then_push = False
            if isinstance(body, LinkRecord):
                there = self.facts.get(body.destination_record_id)
                free = (
                    self.linked_sources().get(body.destination_record_id, source.record_id)
                    == source.record_id
                )
                if there is not None and there.state != "removed" and free:
                    self.wished.pop(source.record_id, None)
                    self.refused[source.record_id].discard(there.record_id)
                    self.links[source.record_id] = mapping.Link(
                        there.record_id, there.remote_id, "manual", None
                    )
                    then_push = body.then_push
            else:
                freed = self.links.pop(source.record_id, None)
                self.wished.pop(source.record_id, None)
                if freed is not None:
                    self.refused[source.record_id].add(freed.destination_record_id)
                if isinstance(body, CreateRecord):
                    self.wished[source.record_id] = self.world.now
            self._match([(source, e, then_push)])

    def _match_input(self, f: mapping.Facts) -> mapping.MatchInput:
        link, linked_sources = self.links.get(f.record_id), self.linked_sources()
        if link is not None:
            link = link._replace(destination=self.facts.get(link.destination_record_id))
        assert self.settings.route is not None
        score = (
            self.scorer.score(f.profile(), link.destination.profile()) if link and link.destination else None
        )
        return mapping.MatchInput(
            f,
            self.world.destination.account,
            self.complete is not None,
            self.settings.route.rules.confirm_matches,
            link,
            self.wished.get(f.record_id),
            frozenset(self.refused[f.record_id]),
            compared=self._compared(f, linked_sources) if f.live and link is None else (),
            link_score=score,
            generation=self.generation,
        )

    def _compared(self, f: mapping.Facts, linked_sources: dict[UUID, UUID]) -> tuple[mapping.Compared, ...]:
        """Everybody at the destination whom the score does not rule out, with everybody else who claims them."""
        claiming = [
            s
            for s in self.facts.values()
            if s.account_id == f.account_id
            and s.live
            and s.record_id not in {f.record_id, *self.links, *self.wished}
        ]
        found = []
        for d in self.facts.values():
            score = self._score(f, d) if d.account_id == self.world.destination.account else None
            if score is None:
                continue
            rivals = ((s.record_id, self._score(s, d)) for s in claiming)
            found.append(
                mapping.Compared(
                    d,
                    score,
                    linked_sources.get(d.record_id),
                    tuple(mapping.Rival(r, bits) for r, bits in rivals if bits is not None),
                )
            )
        return tuple(found)

    def _score(self, a: mapping.Facts, b: mapping.Facts) -> mapping.Score | None:
        return self.scorer.candidate(a.profile(), b.profile()) if set(a.keys) & set(b.keys) else None

    def _match(self, requests: Sequence[MatchRequest]) -> None:
        """Decide everybody; who was asked about is answered, who else is moved is told."""
        requested: dict[UUID, list[MatchRequest]] = defaultdict(list)
        for request in requests:
            requested[request[0].record_id].append(request)
        while True:
            ours = [
                f
                for f in self.facts.values()
                if f.account_id == self.world.source.account and f.state != "unreadable"
            ]
            decided = {f.record_id: (s := self._match_input(f), mapping.decide(s)) for f in ours}
            taken: dict[UUID, UUID] = {}
            for s, d in decided.values():
                if isinstance(d, mapping.Linked) and s.link is None:
                    assert d.destination_record_id not in self.linked_sources(), (
                        "two at once for one destination record"
                    )
                    taken[d.destination_record_id] = s.facts.record_id
                    self.links[s.facts.record_id] = mapping.Link(
                        d.destination_record_id, d.destination_remote_id, "auto", None
                    )
            for s, _ in list(decided.values()):
                if mapping.without(s, taken) != s:
                    del decided[s.facts.record_id]
            self._publish_results(decided, requested, requests[0][1] if requests else None)
            if not taken:
                return
            requested = {r: each for r, each in requested.items() if r not in decided}

    def _publish_results(
        self,
        decided: dict[UUID, tuple[mapping.MatchInput, mapping.Decision]],
        requested: dict[UUID, list[MatchRequest]],
        cause: Message[Any] | None,
    ) -> None:
        for record, (s, d) in decided.items():
            last = self.results.get(record)
            digest, rev = mapping.hash_of(s, d), last.link_rev if last else 0
            news = mapping.is_news(last, digest, s, d)
            requests = [r for r in requested.get(record, ()) if news or not _says_change(r[1])]
            if not news and not requests:
                continue
            for _, message, then_push in requests or [(s.facts, cause, False)]:
                rev += 1
                lane = None if message else Lane.BULK
                self.world.publish(mapping.event_of(s, d, rev, then_push=then_push), message, lane=lane)
            reason = getattr(d, "reason", "")
            self.results[record] = mapping.MatchResult(
                COMPANY,
                record,
                type(d).__name__.lower(),
                reason,
                rev,
                s.facts.rev,
                digest,
                mapping.MATCHING_VERSION,
                s.generation,
            )


def _says_change(message: Message[Any] | None) -> bool:
    return message is not None and isinstance(message.body, EmployeeStaged | EmployeeRemoved)
