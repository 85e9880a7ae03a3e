"""The change history as people read it: what belongs together is one entry, and what only repeats is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.history.core.chain import Entry
from services.history.core.entries import KINDS, EntryFilter, Group, chosen, grouped
from shared.contracts.events import bodies
from shared.contracts.history_views import HistoryKind

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
COMPANY, RECORD, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
PLANNED = {"phone": {"before": "1", "after": "2"}}


def event(
    n: int, kind: str, minutes: float = 0, record: UUID | None = RECORD, actor: str | None = None, **body: Any
) -> Entry:
    at = NOW + timedelta(minutes=minutes or n * 10)
    raw = orjson.dumps(body)
    return Entry(
        COMPANY, n, UUID(int=n), at, kind, "t", record, None, actor, body.get("cause"), raw, b"", b""
    )


def shown(groups: list[Group]) -> list[tuple[str, int]]:
    return [(group.events[-1].type, group.n) for group in groups]


def test_every_type_that_is_shown_exists() -> None:
    assert KINDS.keys() <= bodies().keys()


def test_a_push_with_all_its_attempts_is_one_entry_with_its_fields_once() -> None:
    answer = {"status": 503, "trace_id": "1-a"}
    failed = {"status": "failed", "reason": "unavailable", "retry_at": "2026-11-24T16:05:00Z"}
    push = {"push_id": "p"}
    (group,) = grouped(
        [
            event(1, "push.planned", fields=PLANNED, action="update", **push),
            event(2, "push.failed", reason="unavailable", answer=answer, record_status=failed, **push),
            event(3, "push.planned", fields=PLANNED, action="update", **push),
            event(4, "push.succeeded", action="update", record_status={"status": "synced"}, **push),
            event(5, "employee.changed", record=OTHER, cause="push", changes=PLANNED),
        ]
    )
    assert (group.kind, group.n, group.status, group.reason) == (HistoryKind.SYNC, 4, "synced", "")
    assert group.changes == PLANNED
    assert [e.type for e in group.events] == ["push.planned", "push.failed", "push.planned", "push.succeeded"]


def test_two_pushes_are_two_entries() -> None:
    events = [
        event(1, "push.planned", push_id="p", fields=PLANNED),
        event(2, "push.failed", push_id="p", reason="refused"),
        event(3, "push.planned", push_id="q", fields=PLANNED),
    ]
    assert shown(grouped(events)) == [("push.failed", 2), ("push.planned", 3)]


def test_a_status_is_what_led_to_it_and_one_that_comes_alone_is_an_entry() -> None:
    events = [
        event(1, "employee.staged", 0.1, cause="import"),
        event(2, "status.changed", 0.2, status="needs_sync", reason="not_pushed"),
        event(3, "status.changed", 600, status="needs_action", reason="creation_off"),
        event(4, "status.changed", 900, status="needs_action", reason="creation_off"),
    ]
    staged, alone = grouped(events)
    assert (staged.status, staged.reason) == ("needs_sync", "not_pushed")
    assert (alone.kind, alone.n, alone.reason) == (HistoryKind.STATUS, 3, "creation_off")


def test_mappers_answers_are_shown_when_they_differ_and_decisions_always() -> None:
    linked = {"destination_record_id": str(OTHER), "reason": ""}
    events = [
        event(1, "record.linked", **linked),
        event(2, "record.linked", **linked),
        event(3, "decision.made", decision="unlink", note="not her", actor="ann"),
        event(4, "record.disputed", reason="similar_name"),
        event(5, "record.linked", **linked),
    ]
    assert [n for _, n in shown(grouped(events))] == [1, 3, 4, 5]
    assert grouped(events)[1].detail() == {"decision": "unlink", "note": "not her"}


def test_a_decision_and_the_answer_that_only_repeats_it_are_one_entry() -> None:
    other, link = {"destination_record_id": str(RECORD)}, {"destination_record_id": str(OTHER)}
    events = [
        event(1, "decision.made", decision="link", outcome="done", actor="ann", **link),
        event(2, "employee.changed", cause="hook", changes=PLANNED),
        event(3, "record.linked", origin="manual", reason="", **link),
        event(4, "decision.made", decision="exclude", note="a contractor", actor="ann"),
        event(5, "record.excluded", reason="excluded", **link),
        event(6, "decision.made", decision="include", actor="ann"),
        event(7, "record.linked", origin="manual", reason="", **link),
        event(8, "decision.made", decision="link", outcome="link_taken", actor="ann", **other),
        event(9, "record.disputed", reason="link_taken"),
        event(10, "decision.made", decision="link", actor="ann", **link),
        event(11, "record.linked", origin="auto", reason="", **other),
    ]
    assert [n for _, n in shown(grouped(events))] == [1, 2, 4, 6, 7, 8, 9, 10, 11]


def test_a_version_in_which_nothing_moved_is_none() -> None:
    events = [event(1, "employee.changed", cause="sweep", changes={}), event(2, "directory.complete")]
    assert grouped(events) == []


def test_an_entry_is_found_by_kind_field_person_and_time_and_stands_where_it_ends() -> None:
    events = [
        event(1, "push.planned", push_id="p", fields=PLANNED, actor="ann"),
        event(2, "employee.changed", record=OTHER, cause="hook", changes={"title": {}}),
        event(3, "push.succeeded", push_id="p", actor="ann"),
        event(4, "settings.changed", record=None, actor="bob"),
    ]
    every = {e.n for e in events}

    def found(looked_at: set[int] = every, **asked: Any) -> list[int]:
        return [group.n for group in chosen(events, looked_at, EntryFilter(**asked), together=False)]

    assert found() == [4, 3, 2]
    assert found({1, 2}) == [2], "the push is on the page of its end"
    assert found(kinds=frozenset({HistoryKind.SYNC})) == [3]
    assert found(field="phone") == [3]
    assert found(actor="ann") == [3]
    assert found(actor="") == [2]
    assert found(since=NOW + timedelta(minutes=25)) == [4, 3]
    assert found(until=NOW + timedelta(minutes=25)) == [2]
