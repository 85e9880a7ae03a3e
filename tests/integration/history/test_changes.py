"""The change history over the internal API: of a record and of the company, page by page, filtered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from services.history.api import changes
from shared.contracts.events import (
    EmployeeChanged,
    EmployeeStaged,
    PushFailed,
    PushPlanned,
    PushSucceeded,
    RecordLinked,
    RecordStatus,
    StatusChanged,
)
from shared.domain.employee import Change, Employee, PlannedChange
from shared.domain.values import Cause
from shared.errors import RemoteAnswer
from tests.integration.history.conftest import START

if TYPE_CHECKING:
    from tests.integration.history.conftest import World

pytestmark = pytest.mark.asyncio
PUSH = UUID(int=77)


def staged(world: World, side: str, remote: str, cause: Cause, rev: int = 1, **changes: Any) -> Any:
    seen = {"remote_id": remote, "requested_at": START, "answered_at": START, "cause": cause, "rev": rev}
    common = {
        "record_id": world.id(side, remote), "account_id": world.account(side),
        "employee": Employee(first_name="Ana", last_name=f"Li{remote}"), **seen,
    }  # fmt: skip
    return EmployeeChanged(changes=changes, **common) if changes else EmployeeStaged(**common)


async def a_push(world: World, remote: str) -> None:
    """Staged, linked, changed, failed once and written: eleven events."""
    record, there = world.id("source", remote), world.id("destination", remote)
    basis = {"source_rev": 2, "settings_version": 1, "destination_account_id": world.account("destination")}
    moved = Change(before="1", after="2")
    linked = {
        "record_id": record, "account_id": world.account("source"), "source_rev": 1, "origin": "auto",
        "destination_account_id": world.account("destination"), "destination_record_id": there,
        "destination_remote_id": remote,
    }  # fmt: skip
    planned = PushPlanned(
        record_id=record, push_id=PUSH, action="update", basis=basis,
        fields={"phone": PlannedChange(before="1", after="2")},
    )  # fmt: skip
    failed = RecordStatus(status_rev=3, status="failed", reason="unavailable")
    answer = RemoteAnswer(503, "", "1-a")
    await world.tell(
        world.message(staged(world, "source", remote, Cause.IMPORT)),
        world.message(StatusChanged(record_id=record, status_rev=1, status="needs_sync", reason="checking")),
        world.message(RecordLinked(link_rev=1, **linked)),
        world.message(staged(world, "source", remote, Cause.HOOK, 2, phone=moved)),
        world.message(RecordLinked(link_rev=2, **linked)),
        world.message(planned, actor="ann", time=START + timedelta(minutes=30)),
        world.message(
            PushFailed(
                record_id=record, push_id=PUSH, action="update", reason="unavailable", retryable=True,
                record_status=failed, answer=answer,
            ),
            actor="ann", time=START + timedelta(minutes=31),
        ),
        world.message(
            PushSucceeded(
                record_id=record, push_id=PUSH, action="update", destination_account_id=world.account("destination"),
                destination_record_id=there, destination_remote_id=remote, remote_version="1", requested_at=START,
                answered_at=START, employee=Employee(first_name="Ana"), source_rev=2,
                record_status=RecordStatus(status_rev=4, status="synced"),
            ),
            actor="ann", time=START + timedelta(minutes=33),
        ),
        world.message(staged(world, "destination", remote, Cause.PUSH, 2, phone=moved)),
    )  # fmt: skip


async def test_a_records_history_has_each_field_change_once_and_each_push_as_one_entry(world: World) -> None:
    await world.tell(world.settings())
    await a_push(world, "a")
    page = await world.get("/history", record=str(world.id("source", "a")))
    push, changed, linked, found = page["items"]
    assert (push["kind"], push["type"], push["status"], push["actor"]) == (
        "sync",
        "push.succeeded",
        "synced",
        "ann",
    )
    assert push["changes"] == {"phone": {"before": "1", "after": "2"}}
    assert [a["type"] for a in push["attempts"]] == ["push.planned", "push.failed", "push.succeeded"]
    assert push["attempts"][1]["answer"]["trace_id"] == "1-a"
    assert "did not answer" in push["attempts"][1]["reason_text"]
    assert (changed["type"], changed["side"], changed["cause"]) == ("employee.changed", "source", "hook")
    assert (linked["kind"], linked["type"]) == ("matching", "record.linked")
    assert (found["type"], found["status"], found["record_name"]) == (
        "employee.staged",
        "needs_sync",
        "Ana Lia",
    )
    assert page["next"] is None


async def test_the_companys_history_is_read_page_by_page_without_a_gap_or_a_repeat(world: World) -> None:
    await world.tell(world.settings())
    for remote in "abcde":
        await a_push(world, remote)
    whole = (await world.get("/history"))["items"]
    assert len(whole) == 5 * 4 + 1
    read, after = [], None
    while True:
        page = await world.get("/history", limit=3, **({"after": after} if after else {}))
        assert len(page["items"]) <= 3
        read += page["items"]
        if (after := page["next"]) is None:
            break
    assert read == whole
    assert [e["n"] for e in read] == sorted((e["n"] for e in read), reverse=True)


async def test_a_filter_that_takes_nothing_reads_a_part_of_the_log_and_says_where_to_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "HISTORY_SPAN", 3)
    monkeypatch.setattr(changes, "HISTORY_ROUNDS", 2)
    await world.tell(world.settings())
    for remote in "abc":
        await a_push(world, remote)
    places: list[int | None] = []
    asked: dict[str, Any] = {"actor": "nobody"}
    while asked.get("after", "more"):
        page = await world.get("/history", **asked)
        assert page["items"] == []
        places.append(int(page["next"]) if page["next"] else None)
        asked["after"] = page["next"]
    assert places == [23, 17, 11, 5, None], "28 entries, six at a time"
    found, asked = [], {"kind": "rules"}
    while asked.get("after", "more"):
        page = await world.get("/history", **asked)
        found += page["items"]
        asked["after"] = page["next"]
    assert [e["type"] for e in found] == ["settings.changed"]


async def test_a_page_ends_where_many_events_belong_to_what_it_looks_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.tell(world.settings())
    for remote in "abc":
        await a_push(world, remote)
    whole = (await world.get("/history"))["items"]
    monkeypatch.setattr(changes, "HISTORY_CHUNK", 2)
    monkeypatch.setattr(changes, "HISTORY_CONTEXT", 1)
    read: list[Any] = []
    pages, after = 0, None
    while pages == 0 or after:
        page = await world.get("/history", **({"after": after} if after else {}))
        read, pages, after = [*read, *page["items"]], pages + 1, page["next"]
    assert read == whole
    assert pages > 5, "two events at a time, though a page has room for all"


async def test_it_is_filtered_by_kind_field_person_and_time(world: World) -> None:
    await world.tell(world.settings())
    await a_push(world, "a")

    async def types(**asked: Any) -> list[str]:
        return [e["type"] for e in (await world.get("/history", **asked))["items"]]

    assert await types(kind="rules") == ["settings.changed"]
    assert await types(field="phone") == ["push.succeeded", "employee.changed"]
    assert await types(actor="ann") == ["push.succeeded"]
    assert await types(since=(START + timedelta(minutes=30)).isoformat()) == ["push.succeeded"]
    assert await types(field="title") == []
    await world.get("/history", 404, record=str(UUID(int=5)))
    await world.get("/history", 422, after="x")
