"""Around services/syncer/core: what is told becomes standings and pushes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from services.syncer import core as syncing
from services.syncer.core import Case, Item
from services.syncer.handlers import AUTOMATIC
from shared.connectors.ports import Write
from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    SITUATIONS,
    DirectoryMatched,
    MatchFailed,
    Message,
    PushPlanned,
    RecordLinked,
    SettingsChanged,
    StatusChanged,
)
from shared.contracts.records import (
    Employee,
    Lane,
    Situation,
    Status,
)
from tests.support.pure.directory import COMPANY
from tests.support.pure.mapper import PARTITIONS

if TYPE_CHECKING:
    from tests.support.pure.world import World


@dataclass
class Call:
    """One call as it was stored before it was sent."""

    call_id: UUID
    action: str
    writes: list[Write]
    state: str = "sending"
    attempts: int = 1
    token: int = 1
    resumed: bool = False
    old: bool = False
    """The system does not hold its key any more."""


@dataclass
class Creation:
    """One record created, or to be created, for a source record."""

    ordinal: int
    call_id: UUID
    remote_id: str | None = None
    finished_at: datetime | None = None


_NEW = Case(
    COMPANY, UUID(int=0), None, None, None, None, 0, 0, "", None, None, False, False, None, Status.NEEDS_SYNC, "checking",
    None, 0, None, None, None, None, None, None, False,
)  # fmt: skip
_STANDING = ("status", "reason", "field", "status_rev")
_OUTCOME = (
    *_STANDING, "synced_at", "sent", "answered", "failure", "automatic_rev", "destination_record_id",
    "destination_remote_id", "created",
)  # fmt: skip
_UNKNOWN = ("sending", "unknown", "given_up")


def _in_row(employee: Employee | None) -> Employee | None:
    return Employee.model_validate_json(employee.text()) if employee else None


class Syncer:
    """Around services/syncer/core."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.subjects: dict[UUID, Case] = {}
        self.facts: dict[UUID, syncing.Fact] = {}
        self.items: dict[UUID, Item] = {}
        self.asked_at: dict[UUID, datetime | None] = {}
        self.creations: dict[UUID, list[Creation]] = defaultdict(list)
        self.calls: dict[UUID, Call] = {}
        self.marks: set[tuple[datetime, Lane, int]] = set()
        self.matched: datetime | None = None
        self.wanted_at: datetime | None = None
        self.due: set[UUID] = set()

    def case(self, record: UUID) -> Case:
        """The row with all that is joined to it."""
        kept, asked = self.subjects[record], self.asked_at.get(record)
        made = self.creations[record]
        there = kept.destination_record_id
        return kept._replace(
            settings=self.settings,
            source=self.facts.get(record),
            destination=self.facts.get(there) if there else None,
            created_before=any(c.finished_at and (asked is None or asked <= c.finished_at) for c in made),
            unknown_call=next(
                (c.call_id for c in made if c.remote_id is None and self.calls[c.call_id].state in _UNKNOWN),
                None,
            ),
            item=next((i for i in self.items.values() if i.record_id == record and i.state != "done"), None),
            directory_read=self.matched is not None,
        )

    def _set(self, record: UUID, **values: Any) -> None:
        self.subjects[record] = self.subjects[record]._replace(**values)

    def on_settings(self, events: Sequence[Message[SettingsChanged]]) -> None:
        self.settings = max([self.settings, *(e.body.settings for e in events)], key=lambda s: s.version)
        self.due |= set(self.subjects)

    def on_employees(self, events: Sequence[Message[Any]]) -> None:
        told = [e for e in events if type(e.body) in syncing.FACTS]
        before = {r: syncing.stored(f) for r, f in self.facts.items()}
        known, newest = dict(before), {}
        for e in told:
            fact = syncing.fact_of(e.body)
            if syncing.replaces(known.get(fact.record_id), fact):
                known[fact.record_id] = syncing.stored(fact)
                newest[fact.record_id] = (e, fact)
        records: list[UUID] = []
        for record, (e, fact) in newest.items():
            self._know(fact)
            if fact.account_id == self.world.source.account:
                new = record not in self.subjects
                self.subjects.setdefault(record, _NEW._replace(record_id=record))
                automatic = getattr(e.body, "cause", None) in AUTOMATIC
                if automatic:
                    self._set(record, automatic_rev=fact.rev)
                if automatic or not new or fact.state != "present":
                    records.append(record)
            elif not syncing.same(before.get(record), known[record]):
                records += [r for r, s in self.subjects.items() if s.destination_record_id == record]
        self._decide(records, events)

    def _know(self, fact: syncing.Fact) -> None:
        """Who is gone or unreadable keeps its values."""
        old = self.facts.get(fact.record_id)
        kept = old.employee if old and fact.state != "present" else fact.employee
        self.facts[fact.record_id] = fact._replace(employee=Employee.model_validate_json(kept.text()))

    def _mark(self, events: Sequence[Message[Any]]) -> None:
        for e in events:
            if isinstance(e.body, DirectoryMatched):
                self.marks.add((e.body.as_of, e.lane, e.body.part))
                whole = len([m for m in self.marks if m[0] == e.body.as_of]) == 2 * PARTITIONS
                if whole and (self.matched is None or self.matched < e.body.as_of):
                    self.matched = e.body.as_of
                    waits = ("directory_being_read",)
                    self.due |= {
                        r for r, s in self.subjects.items() if s.reason in waits or s.status is Status.SYNCING
                    }

    def on_links(self, events: Sequence[Message[Any]]) -> None:
        self._mark(events)
        newest: dict[UUID, Message[Any]] = {}
        for e in events:
            if type(e.body) in SITUATIONS:
                one = newest.get(e.body.record_id)
                if one is None or one.body.link_rev < e.body.link_rev:
                    newest[e.body.record_id] = e
        linked = [e for e in newest.values() if type(e.body) is RecordLinked]
        confirmed = {
            e.body.record_id for e in linked
            if not e.body.then_push and (s := self.subjects.get(e.body.record_id)) and s.created and s.failure is None
            and s.destination_record_id == e.body.destination_record_id
        }  # fmt: skip
        for e in newest.values():
            self._save_link(syncing.link_of(e))
        disowned = [
            r for e in linked for r, s in self.subjects.items()
            if s.created and s.destination_record_id == e.body.destination_record_id
            and r != e.body.record_id and self._owner(s.destination_record_id) == e.body.record_id
        ]  # fmt: skip
        for record in disowned:
            nothing = dict.fromkeys(("destination_record_id", "destination_remote_id", "sent", "answered"))
            self._set(record, created=False, **nothing)
        failed = [
            e.body.record_id
            for e in events
            if type(e.body) is MatchFailed and e.body.record_id in self.subjects
        ]
        for record in failed:
            if basis := self.case(record).basis():
                versions = (basis.source_rev, basis.link_rev, basis.settings_version)
                self._set(record, failure=syncing.Failure("internal", None, *versions))
        asked = {
            e.body.record_id: self._asked(e, e.body.record_id, str(e.id)) for e in linked if e.body.then_push
        }
        self._decide([*(newest.keys() - confirmed), *disowned, *failed], events, asked)

    def _owner(self, destination: UUID | None) -> UUID | None:
        """Whom mapper has linked it to."""
        linked = (
            r
            for r, s in self.subjects.items()
            if s.situation is Situation.LINKED and s.destination_record_id == destination
        )
        return next(linked, None)

    def _save_link(self, link: syncing.Link) -> None:
        s = self.subjects.setdefault(link.record_id, _NEW._replace(record_id=link.record_id))
        if s.link_rev >= link.link_rev:
            return
        linked = link.situation == "linked"
        ours = s.created and not linked
        other = linked and s.destination_record_id != link.destination_record_id
        self.asked_at[link.record_id] = link.create_asked_at
        self._set(
            link.record_id,
            situation=Situation(link.situation),
            link_rev=link.link_rev,
            link_source_rev=link.source_rev,
            link_reason=link.reason,
            created=ours,
            destination_record_id=s.destination_record_id if ours else link.destination_record_id,
            destination_remote_id=s.destination_remote_id if ours else link.destination_remote_id,
            sent=None if other else s.sent,
            answered=None if other else s.answered,
        )

    def on_commands(self, events: Sequence[Message[SyncRecords]]) -> None:
        for e in events:
            for selected in e.body.records:
                case = self.case(selected.record_id) if selected.record_id in self.subjects else None
                if case is None or syncing.skipped(case, selected, alone=e.body.total == 1) is not None:
                    continue
                item = syncing.careful(
                    case, self._asked(e, case.record_id, f"{e.body.run_id}/{case.record_id}")
                )
                self._set(case.record_id, failure=None)
                self._save([syncing.decide(case._replace(failure=None), item, lane=item.lane)], e)

    def _asked(self, e: Message[Any], record: UUID, name: str) -> Item:
        item_id = uuid5(COMPANY, name)
        return Item(item_id, record, self.world.destination.account, "waiting", lane=str(e.lane), actor="ann")

    def sweep(self) -> None:
        """Everybody who is due."""
        cases = [self.case(record) for record in sorted(self.due)]
        self.due.clear()
        self._save([syncing.decide(case, lane=Lane.BULK) for case in cases], None)

    def _decide(
        self, records: Iterable[UUID], events: Sequence[Message[Any]], asked: dict[UUID, Item] | None = None
    ) -> None:
        causes = {e.body.record_id: e for e in events if hasattr(e.body, "record_id")}
        for record in dict.fromkeys(r for r in records if r in self.subjects):
            cause = causes.get(record, events[-1])
            self._save([syncing.decide(self.case(record), (asked or {}).get(record), lane=cause.lane)], cause)

    def _save(
        self,
        decisions: Sequence[syncing.Decision],
        cause: Message[Any] | None,
        *,
        pushed: dict[UUID, Item] | None = None,
    ) -> None:
        for d in decisions:
            case, item = d.case, d.item
            after = case._replace(
                status=d.standing.status,
                reason=d.standing.reason,
                field=d.standing.field,
                status_rev=case.status_rev + d.moved(),
            )
            after = after._replace(sent=_in_row(after.sent), answered=_in_row(after.answered))
            names = _STANDING if pushed is None else _OUTCOME
            self._set(case.record_id, **{name: getattr(after, name) for name in names})
            if item is not None and item != case.item:
                self._put(item)
            if d.planned and item is not None:
                self._say_planned(item, cause)
            if d.ended is not None:
                self._put(d.ended._replace(state="waiting"))
                self._end(d.ended.item_id, d.ended.outcome)
            if d.moved():
                body = StatusChanged(
                    record_id=case.record_id,
                    status_rev=after.status_rev,
                    status=after.status,
                    reason=after.reason,
                    field=after.field,
                    synced_at=case.synced_at,
                )
                self.world.say(body, cause, item=item or case.item or (pushed or {}).get(case.record_id))

    def _say_planned(self, item: Item, cause: Message[Any] | None) -> None:
        head = {
            "record_id": item.record_id,
            "item_id": item.item_id,
            "action": item.action,
            "basis": item.basis,
        }
        self.world.say(PushPlanned.model_validate({**head, "fields": item.fields}), cause, item=item)

    def _put(self, item: Item) -> None:
        """Insert, or keep what only the worker moves."""
        old = self.items.get(item.item_id)
        if old is not None:
            item = old._replace(
                state=item.state, action=item.action, fields=item.fields, basis=item.basis, alone=item.alone
            )
        self.items[item.item_id] = item

    def _end(self, item_id: UUID, outcome: str | None) -> None:
        if self.items[item_id].state != "done":
            self.items[item_id] = self.items[item_id]._replace(state="done", outcome=outcome)
