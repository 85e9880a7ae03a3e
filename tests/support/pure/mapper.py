"""Around services/mapper/core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.mapper import core as mapping
from services.mapper.handlers.employees import fold
from shared.contracts.commands import CreateRecord, LinkRecord
from shared.contracts.events import (
    DirectoryComplete,
    DirectoryMatched,
    EmployeeStaged,
    MatchFailed,
    Message,
    PushSucceeded,
    SettingsChanged,
)
from shared.contracts.records import (
    Lane,
)
from tests.support.pure.directory import COMPANY

if TYPE_CHECKING:
    from tests.support.pure.world import World

PARTITIONS = 2
Ask = tuple[mapping.Facts, Message[Any] | None, bool]


class Mapper:
    """Around services/mapper/core."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.facts: dict[UUID, mapping.Facts] = {}
        self.links: dict[UUID, mapping.Link] = {}
        self.answers: dict[UUID, mapping.Answer] = {}
        self.refused: dict[UUID, set[UUID]] = defaultdict(set)
        self.wished: dict[UUID, datetime] = {}
        self.marks: set[tuple[datetime, Lane, int]] = set()
        self.complete: datetime | None = None
        self.matched: datetime | None = None
        self.due = False

    def owners(self) -> dict[UUID, UUID]:
        return {link.destination_record_id: source for source, link in self.links.items()}

    def on_settings(self, events: Sequence[Message[SettingsChanged]]) -> None:
        self.settings = max([self.settings, *(e.body.settings for e in events)], key=lambda s: s.version)
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
        asks: list[Ask] = []
        for e in (e for e in records if e.body.account_id == self.world.source.account):
            facts = after[e.body.record_id]
            if facts.state == "unreadable":
                head = {"record_id": facts.record_id, "account_id": facts.account_id, "source_rev": facts.rev}
                self.world.say(MatchFailed(**head, reason="unreadable"), e)
            else:
                asks.append((facts, e, False))
        self._answer(asks)
        for e in events:
            if isinstance(e.body, DirectoryComplete) and e.body.account_id == self.world.destination.account:
                self.marks.add((e.body.as_of, e.lane, e.body.part))
                whole = len([m for m in self.marks if m[0] == e.body.as_of]) == 2 * PARTITIONS
                if whole and (self.complete is None or self.complete < e.body.as_of):
                    self.due, self.complete = self.due or self.complete is None, e.body.as_of
        self._finish()

    def sweep(self) -> None:
        """Everybody who is due, then the mark."""
        if self.due:
            self._answer([])
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
        asks: list[Ask] = []
        for e in events:
            b = e.body
            made = isinstance(b, PushSucceeded) and b.action == "create" and b.record_id in self.facts
            if made and self._join(b.record_id, b.destination_record_id, b.destination_remote_id):
                asks.append((self.facts[b.record_id], e, False))
        self._answer(asks)

    def _join(self, source: UUID, destination: UUID, remote_id: str) -> bool:
        """Link what we created, unless a link or a person's decision stands against it."""
        if destination in self.refused[source] or source in self.links or destination in self.owners():
            return False
        self.links[source] = mapping.Link(destination, remote_id, "created", None)
        return True

    def on_commands(self, events: Sequence[Message[Any]]) -> None:
        for e in events:
            body, source = e.body, self.facts.get(e.body.record_id)
            if source is None:
                account = self.world.source.account
                self.world.say(
                    MatchFailed(
                        record_id=body.record_id, account_id=account, source_rev=0, reason="internal"
                    ),
                    e,
                )
                continue
            then_push = False
            if isinstance(body, LinkRecord):
                there = self.facts.get(body.destination_record_id)
                free = self.owners().get(body.destination_record_id, source.record_id) == source.record_id
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
            self._answer([(source, e, then_push)])

    def _subject(self, f: mapping.Facts) -> mapping.Subject:
        link, owners = self.links.get(f.record_id), self.owners()
        if link is not None:
            link = link._replace(destination=self.facts.get(link.destination_record_id))
        people = [d for d in self.facts.values() if d.account_id == self.world.destination.account]
        others = [
            s for s in self.facts.values() if s.account_id == f.account_id and s.record_id != f.record_id
        ]
        numbers, emails = {o.number_key for o in others} - {None}, {o.email_key for o in others} - {None}
        phones = [d.phone_key for d in people]
        twins = tuple(
            mapping.Twin(
                d,
                f.number_key in numbers,
                f.email_key in emails,
                d.number_key != f.number_key and d.number_key in numbers,
                d.email_key != f.email_key and d.email_key in emails,
                owners.get(d.record_id),
            )
            for d in people
            if (f.number_key and d.number_key == f.number_key) or (f.email_key and d.email_key == f.email_key)
        )
        free = [d for d in people if d.live and d.record_id not in owners]
        assert self.settings.route is not None
        return mapping.Subject(
            f,
            self.world.destination.account,
            self.complete is not None,
            self.settings.route.rules.confirm_matches,
            link,
            self.wished.get(f.record_id),
            frozenset(self.refused[f.record_id]),
            twins,
            tuple(mapping.Other(d, phones.count(d.phone_key) <= 3) for d in free),
        )

    def _answer(self, asks: Sequence[Ask]) -> None:
        """Decide everybody; who was asked about is answered, who else is moved is told."""
        asked: dict[UUID, list[Ask]] = defaultdict(list)
        for ask in asks:
            asked[ask[0].record_id].append(ask)
        while True:
            ours = [
                f
                for f in self.facts.values()
                if f.account_id == self.world.source.account and f.state != "unreadable"
            ]
            decided = {f.record_id: (s := self._subject(f), mapping.decide(s)) for f in ours}
            taken: dict[UUID, UUID] = {}
            for s, d in decided.values():
                if isinstance(d, mapping.Linked) and s.link is None:
                    assert d.destination_record_id not in self.owners(), (
                        "two at once for one destination record"
                    )
                    taken[d.destination_record_id] = s.facts.record_id
                    self.links[s.facts.record_id] = mapping.Link(
                        d.destination_record_id, d.destination_remote_id, "auto", None
                    )
            for record, (s, d) in decided.items():
                if any(c.record_id in taken for c in mapping.candidates_of(d)):
                    left = mapping.without(s, taken)
                    decided[record] = left, mapping.decide(left)
            self._tell(decided, asked, asks[0][1] if asks else None)
            if not taken:
                return
            asked = {}

    def _tell(
        self,
        decided: dict[UUID, tuple[mapping.Subject, mapping.Decision]],
        asked: dict[UUID, list[Ask]],
        cause: Message[Any] | None,
    ) -> None:
        for record, (s, d) in decided.items():
            last, digest = self.answers.get(record), mapping.hash_of(s, d)
            rev, asks = last.link_rev if last else 0, asked.get(record)
            if not asks and last is not None and (last.hash, last.source_rev) == (digest, s.facts.rev):
                continue
            for _, message, then_push in asks or [(s.facts, cause, False)]:
                rev += 1
                lane = None if message else Lane.BULK
                self.world.say(mapping.event_of(s, d, rev, then_push=then_push), message, lane=lane)
            reason = getattr(d, "reason", "")
            self.answers[record] = mapping.Answer(
                COMPANY, record, type(d).__name__.lower(), reason, rev, s.facts.rev, digest
            )
