"""Around services/syncer/core: what is published becomes statuses and pushes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from services.syncer import core as syncing
from services.syncer import deciding
from services.syncer.core import Push, PushState, RecordState
from services.syncer.handlers.facts import AUTOMATIC
from shared.connectors.ports import Write
from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    SITUATIONS,
    DirectoryMatched,
    MatchFailed,
    Message,
    RecordLinked,
    SettingsChanged,
)
from shared.domain.employee import Employee
from shared.domain.values import Lane, Situation, Status
from shared.messaging.outbox import Outgoing
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


_NEW = RecordState(
    COMPANY, UUID(int=0), None, None, None, None, 0, 0, "", None, None, False, False, None, Status.NEEDS_SYNC, "checking",
    None, None, 0, None, None, None, None, None, None, False,
)  # fmt: skip
_STATUS = ("status", "reason", "field", "retry_at", "status_rev")
_OUTCOME = (
    *_STATUS, "synced_at", "sent", "answered", "failure", "automatic_rev", "destination_record_id",
    "destination_remote_id", "created", "writes",
)  # fmt: skip
_UNKNOWN = ("sending", "unknown", "given_up")


def _in_row(employee: Employee | None) -> Employee | None:
    return Employee.model_validate_json(employee.text()) if employee else None


class Syncer:
    """Around services/syncer/core."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.record_states: dict[UUID, RecordState] = {}
        self.snapshots: dict[UUID, syncing.Snapshot] = {}
        self.pushes: dict[UUID, Push] = {}
        self.asked_at: dict[UUID, datetime | None] = {}
        self.creations: dict[UUID, list[Creation]] = defaultdict(list)
        self.calls: dict[UUID, Call] = {}
        self.markers: set[tuple[datetime, Lane, int]] = set()
        self.matched: datetime | None = None
        self.wanted_at: datetime | None = None
        self.due: set[UUID] = set()

    def state(self, record: UUID) -> RecordState:
        """The row with all that is joined to it."""
        kept, asked = self.record_states[record], self.asked_at.get(record)
        made = self.creations[record]
        there = kept.destination_record_id
        return kept._replace(
            settings=self.settings,
            source=self.snapshots.get(record),
            destination=self.snapshots.get(there) if there else None,
            created_before=any(c.finished_at and (asked is None or asked <= c.finished_at) for c in made),
            unknown_call=next(
                (c.call_id for c in made if c.remote_id is None and self.calls[c.call_id].state in _UNKNOWN),
                None,
            ),
            push=next((i for i in self.pushes.values() if i.record_id == record and i.state != "done"), None),
            directory_read=self.matched is not None,
        )

    def _set(self, record: UUID, **values: Any) -> None:
        self.record_states[record] = self.record_states[record]._replace(**values)

    def on_settings(self, events: Sequence[Message[SettingsChanged]]) -> None:
        self.settings = max([self.settings, *(e.body.settings for e in events)], key=lambda s: s.version)
        self.due |= set(self.record_states)

    def on_employees(self, events: Sequence[Message[Any]]) -> None:
        received = [e for e in events if type(e.body) in syncing.SNAPSHOT_EVENTS]
        before = {r: syncing.stored(f) for r, f in self.snapshots.items()}
        known, newest = dict(before), {}
        for e in received:
            snapshot = syncing.snapshot_of(e.body)
            if syncing.replaces(known.get(snapshot.record_id), snapshot):
                known[snapshot.record_id] = syncing.stored(snapshot)
                newest[snapshot.record_id] = (e, snapshot)
        records: list[UUID] = []
        for record, (e, snapshot) in newest.items():
            self._know(snapshot)
            if snapshot.account_id == self.world.source.account:
                new = record not in self.record_states
                self.record_states.setdefault(record, _NEW._replace(record_id=record))
                automatic = getattr(e.body, "cause", None) in AUTOMATIC
                if automatic:
                    self._set(record, automatic_rev=snapshot.rev)
                if automatic or not new or snapshot.state != "present":
                    records.append(record)
            elif not syncing.same(before.get(record), known[record]):
                records += [r for r, s in self.record_states.items() if s.destination_record_id == record]
        self._decide(records, events)

    def _know(self, snapshot: syncing.Snapshot) -> None:
        """Removed and unreadable records keep their last values."""
        old = self.snapshots.get(snapshot.record_id)
        kept = old.employee if old and snapshot.state != "present" else snapshot.employee
        self.snapshots[snapshot.record_id] = snapshot._replace(
            employee=Employee.model_validate_json(kept.text())
        )

    def _add_markers(self, events: Sequence[Message[Any]]) -> None:
        for e in events:
            if isinstance(e.body, DirectoryMatched):
                self.markers.add((e.body.as_of, e.lane, e.body.part))
                whole = len([m for m in self.markers if m[0] == e.body.as_of]) == 2 * PARTITIONS
                if whole and (self.matched is None or self.matched < e.body.as_of):
                    self.matched = e.body.as_of
                    waits = ("directory_being_read",)
                    self.due |= {
                        r
                        for r, s in self.record_states.items()
                        if s.reason in waits or s.status is Status.SYNCING
                    }

    def on_links(self, events: Sequence[Message[Any]]) -> None:
        self._add_markers(events)
        newest: dict[UUID, Message[Any]] = {}
        for e in events:
            if type(e.body) in SITUATIONS:
                one = newest.get(e.body.record_id)
                if one is None or one.body.link_rev < e.body.link_rev:
                    newest[e.body.record_id] = e
        linked = [e for e in newest.values() if type(e.body) is RecordLinked]
        created_by_us = {
            e.body.record_id for e in linked
            if not e.body.then_push and (s := self.record_states.get(e.body.record_id)) and s.created and s.failure is None
            and s.destination_record_id == e.body.destination_record_id
        }  # fmt: skip
        for e in newest.values():
            self._save_match_result(syncing.match_result_of(e))
        released = [
            r for e in linked for r, s in self.record_states.items()
            if s.created and s.destination_record_id == e.body.destination_record_id
            and r != e.body.record_id and self._linked_source(s.destination_record_id) == e.body.record_id
        ]  # fmt: skip
        for record in released:
            nothing = dict.fromkeys(("destination_record_id", "destination_remote_id", "sent", "answered"))
            self._set(record, created=False, **nothing)
        failed = [
            e.body.record_id
            for e in events
            if type(e.body) is MatchFailed and e.body.record_id in self.record_states
        ]
        for record in failed:
            if basis := self.state(record).basis():
                versions = (basis.source_rev, basis.link_rev, basis.settings_version)
                self._set(record, failure=syncing.Failure("internal", None, *versions))
        asked = {
            e.body.record_id: self._asked(e, e.body.record_id, str(e.id)) for e in linked if e.body.then_push
        }
        self._decide([*(newest.keys() - created_by_us), *released, *failed], events, asked)

    def _linked_source(self, destination: UUID | None) -> UUID | None:
        """Whom mapper has linked it to."""
        linked = (
            r
            for r, s in self.record_states.items()
            if s.situation is Situation.LINKED and s.destination_record_id == destination
        )
        return next(linked, None)

    def _save_match_result(self, link: syncing.MatchResult) -> None:
        s = self.record_states.setdefault(link.record_id, _NEW._replace(record_id=link.record_id))
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
                state = self.state(selected.record_id) if selected.record_id in self.record_states else None
                if state is None or syncing.skipped(state, selected, single=e.body.total == 1) is not None:
                    continue
                push = syncing.isolated(
                    state, self._asked(e, state.record_id, f"{e.body.run_id}/{state.record_id}")
                )
                if state.push is not None:
                    self._end(state.push.push_id, "replaced")
                self._set(state.record_id, failure=None)
                begun = state._replace(failure=None, push=None)
                self._save([syncing.decide(begun, push, lane=push.lane)], e)

    def _asked(self, e: Message[Any], record: UUID, name: str) -> Push:
        push_id = uuid5(COMPANY, name)
        return Push(
            push_id, record, self.world.destination.account, PushState.WAITING, lane=e.lane, actor="ann"
        )

    def sweep(self) -> None:
        """Everybody who is due."""
        states = [self.state(record) for record in sorted(self.due)]
        self.due.clear()
        self._save([syncing.decide(state, lane=Lane.BULK) for state in states], None)

    def _decide(
        self, records: Iterable[UUID], events: Sequence[Message[Any]], asked: dict[UUID, Push] | None = None
    ) -> None:
        causes = {e.body.record_id: e for e in events if hasattr(e.body, "record_id")}
        for record in dict.fromkeys(r for r in records if r in self.record_states):
            cause = causes.get(record, events[-1])
            old = self.state(record).push
            if (asked or {}).get(record) and old is not None and syncing.waits_for_retry(old):
                self._end(old.push_id, "replaced")
            self._save(
                [syncing.decide(self.state(record), (asked or {}).get(record), lane=cause.lane)], cause
            )

    def _save(
        self,
        decisions: Sequence[syncing.Decision],
        cause: Message[Any] | None,
        *,
        pushed: dict[UUID, Push] | None = None,
        results: Mapping[UUID, Sequence[Outgoing]] = deciding.NOTHING,
    ) -> None:
        for one in deciding.published(decisions, lambda _: cause, pushed or {}, results):
            self.world.publish(one.body, cause, lane=one.lane)
        for d in decisions:
            state, push = d.state, d.push
            after = state._replace(
                status=d.sync_status.status,
                reason=d.sync_status.reason,
                field=d.sync_status.field,
                retry_at=d.sync_status.retry_at,
                status_rev=state.status_rev + d.moved(),
            )
            after = after._replace(sent=_in_row(after.sent), answered=_in_row(after.answered))
            names = _STATUS if pushed is None else _OUTCOME
            self._set(state.record_id, **{name: getattr(after, name) for name in names})
            if push is not None and push != state.push:
                self._put(push)
            if d.ended is not None:
                if state.push is None:
                    self._put(d.ended._replace(state=PushState.WAITING))
                self._end(d.ended.push_id, d.ended.outcome)

    def _put(self, push: Push) -> None:
        """Insert, or keep what only the worker moves."""
        old = self.pushes.get(push.push_id)
        if old is not None:
            push = old._replace(
                state=push.state,
                action=push.action,
                fields=push.fields,
                basis=push.basis,
                isolated=push.isolated,
            )
        self.pushes[push.push_id] = push

    def _end(self, push_id: UUID, outcome: str | None) -> None:
        if self.pushes[push_id].state != "done":
            self.pushes[push_id] = self.pushes[push_id]._replace(state=PushState.DONE, outcome=outcome)
