"""What became of pushes, minute by minute, as the Operations page shows it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.contracts.events import (
    EmployeeStaged,
    PushFailed,
    PushSucceeded,
    RecordStatus,
    SyncStarted,
)
from shared.domain.employee import Employee
from shared.domain.values import Action, Cause, Status
from tests.integration.history.conftest import NAMESPACE, World

RUN = UUID(int=7)
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _minutes_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the test, not of the import: in a whole run that is long ago."""
    moment = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    monkeypatch.setattr(sys.modules[__name__], "NOW", moment)


async def _staged(world: World, *names: str) -> None:
    await world.tell(world.settings())
    for name in names:
        body = EmployeeStaged(
            record_id=world.id("source", name), account_id=world.account("source"), remote_id=name, rev=1,
            employee=Employee(last_name=name, number=name), requested_at=NOW, answered_at=NOW, cause=Cause.READ,
        )  # fmt: skip
        await world.tell(world.message(body))


def _succeeded(world: World, name: str, staged: datetime, at: datetime, run: UUID | None = None) -> Any:
    body = PushSucceeded(
        record_id=world.id("source", name), push_id=uuid5(NAMESPACE, name), action=Action.CREATE,
        destination_account_id=world.account("destination"), destination_record_id=world.id("destination", name),
        destination_remote_id=name, remote_version="1", requested_at=at, answered_at=at, employee=Employee(),
        source_rev=int(staged.timestamp() * 1000),
    )  # fmt: skip
    return world.message(body, time=at, run_id=run)


def _failed(world: World, name: str, at: datetime, reason: str, *, retryable: bool) -> Any:
    status = Status.FAILED if retryable else Status.NEEDS_ACTION
    body = PushFailed(
        record_id=world.id("source", name), push_id=uuid5(NAMESPACE, name), action=Action.CREATE, reason=reason,
        retryable=retryable, record_status=RecordStatus(status_rev=5, status=status, reason=reason),
    )  # fmt: skip
    return world.message(body, time=at)


async def test_pushes_are_counted_once_in_their_minute_with_the_seconds_they_took(world: World) -> None:
    await _staged(world, "a", "b", "c")
    first = _succeeded(world, "a", NOW - timedelta(seconds=2), NOW)
    await world.tell(first)
    await world.tell(first)
    await world.tell(_succeeded(world, "b", NOW - timedelta(seconds=2), NOW + timedelta(minutes=1)))
    await world.tell(_failed(world, "c", NOW + timedelta(minutes=1), "unavailable", retryable=True))
    found = await world.get("/operations")
    by_minute = {datetime.fromisoformat(p["at"]): p for p in found["points"]}
    assert len(by_minute) == 61
    assert by_minute[NOW]["succeeded"] == 1 and abs(by_minute[NOW]["median"] - 2) < 0.2
    later = by_minute[NOW + timedelta(minutes=1)]
    assert (later["succeeded"], later["failed"]) == (1, 1) and abs(later["p95"] - 62) < 6
    assert [(r["reason"], r["outcome"], r["count"]) for r in found["reasons"]] == [
        ("unavailable", "failed", 1)
    ]
    assert found["reasons"][0]["text"]
    assert found["counts"] == {"failed": 1, "needs_sync": 2}
    assert (found["oldest"]["number"], found["oldest"]["status"]) == ("c", "failed")


async def test_what_a_person_asked_for_later_took_its_time_from_then_on(world: World) -> None:
    await _staged(world, "a")
    started = world.message(
        SyncStarted(run_id=RUN, total=1, skipped={}), time=NOW - timedelta(seconds=3), run_id=RUN
    )
    await world.tell(started, _succeeded(world, "a", NOW - timedelta(days=2), NOW, RUN))
    found = await world.get("/operations")
    assert abs(found["median"] - 3) < 0.3


async def test_a_push_whose_run_is_not_known_yet_is_counted_without_its_seconds(world: World) -> None:
    await _staged(world, "a")
    await world.tell(_succeeded(world, "a", NOW - timedelta(days=2), NOW, RUN))
    found = await world.get("/operations", span="15m")
    assert sum(p["succeeded"] for p in found["points"]) == 1 and found["median"] is None


async def test_of_several_companies_counts_alone_are_told(world: World) -> None:
    await _staged(world, "a", "b")
    other = UUID(int=2)
    found = await world.post("/summaries", [str(world.company), str(other)])
    assert found == {
        str(world.company): {"counts": {"needs_sync": 2}, "running": 0, "failed": []},
        str(other): {"counts": {}, "running": 0, "failed": []},
    }
