"""Runs as people see them: which there were, what became of their records, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.events import (
    Body,
    EmployeeStaged,
    EmployeeUnreadable,
    ImportCancelled,
    ImportCompleted,
    ImportStarted,
    PushFailed,
    PushSucceeded,
    SyncCompleted,
    SyncStarted,
)
from shared.domain.employee import Employee
from shared.domain.values import Cause
from tests.integration.history.conftest import NAMESPACE, START, World

RUN, SYNC = UUID(int=5), UUID(int=6)
AT = datetime(2026, 11, 23, tzinfo=UTC)


def staged(world: World, remote: str) -> EmployeeStaged:
    return EmployeeStaged(
        record_id=world.id("source", remote), account_id=world.account("source"), remote_id=remote, rev=1,
        employee=Employee(last_name=remote, number=f"N-{remote}"), requested_at=AT, answered_at=AT, cause=Cause.IMPORT,
    )  # fmt: skip


def failed(world: World, remote: str, reason: str, *, retryable: bool = True) -> PushFailed:
    return PushFailed(
        record_id=world.id("source", remote), push_id=uuid5(NAMESPACE, remote), action="create", reason=reason,
        retryable=retryable,
    )  # fmt: skip


def succeeded(world: World, remote: str) -> PushSucceeded:
    there = world.id("destination", remote)
    return PushSucceeded(
        record_id=world.id("source", remote), push_id=uuid5(NAMESPACE, remote), action="create",
        destination_account_id=world.account("destination"), destination_record_id=there, destination_remote_id=remote,
        remote_version="1", requested_at=AT, answered_at=AT, employee=Employee(last_name=remote), source_rev=1,
    )  # fmt: skip


async def told(world: World, *bodies: Body, run: UUID, actor: str | None = "ann") -> None:
    await world.tell(*(world.message(body, run_id=run, actor=actor) for body in bodies))


async def a_sync(world: World) -> None:
    """Four records: two do not get through at first, and one of them does when it is tried again."""
    await world.tell(world.settings(), *(world.message(staged(world, one)) for one in "abcd"))
    await told(world, SyncStarted(run_id=SYNC, total=5, skipped={"moved": 1}), run=SYNC)
    await told(
        world, succeeded(world, "a"), failed(world, "b", "unavailable"), failed(world, "c", "unavailable"),
        failed(world, "d", "duplicate_name", retryable=False), run=SYNC,
    )  # fmt: skip
    await told(world, succeeded(world, "c"), run=SYNC)
    await told(
        world, SyncCompleted(run_id=SYNC, total=5, succeeded=2, failed=2, skipped={"moved": 1}), run=SYNC
    )


async def test_a_push_says_why_records_did_not_go_through_each_by_its_last_attempt(world: World) -> None:
    await a_sync(world)
    run = await world.get(f"/runs/{SYNC}")
    assert (run["state"], run["counts"], run["skipped"]) == (
        "completed", {"total": 5, "succeeded": 2, "failed": 2, "retrying": 0}, {"moved": 1},
    )  # fmt: skip
    assert [(r["outcome"], r["reason"], r["count"]) for r in run["reasons"]] == [
        ("needs_action", "duplicate_name", 1),
        ("failed", "unavailable", 1),
    ]
    assert run["reasons"][1]["reason_text"] == "QuickBooks Online did not answer."
    assert run["reasons"][1]["fix"] == "Try again."


async def test_its_records_are_read_page_by_page_those_that_failed_first(world: World) -> None:
    await a_sync(world)
    path = f"/runs/{SYNC}/records"
    first = await world.get(path, limit=3)
    rest = await world.get(path, limit=3, after=first["next"])
    found = first["items"] + rest["items"]
    assert [(r["name"], r["outcome"], r["attempts"]) for r in found] == [
        ("b", "failed", 1), ("d", "needs_action", 1), ("a", "succeeded", 1), ("c", "succeeded", 2),
    ]  # fmt: skip
    assert found[0]["number"] == "N-b" and rest["next"] is None
    assert [r["name"] for r in (await world.get(path, reason="unavailable"))["items"]] == ["b"]
    assert [r["name"] for r in (await world.get(path, outcome="succeeded"))["items"]] == ["a", "c"]
    await world.get(path, 422, after=(await world.get("/runs", limit=1))["next"] or "x")


async def test_an_older_outcome_that_comes_late_changes_nothing(world: World) -> None:
    await world.tell(world.settings(), world.message(staged(world, "a")))
    late = world.message(failed(world, "a", "unavailable"), run_id=SYNC, time=START)
    await told(world, succeeded(world, "a"), run=SYNC)
    await world.tell(late)
    (record,) = (await world.get(f"/runs/{SYNC}/records"))["items"]
    assert record["outcome"] == "succeeded"


async def test_an_import_says_what_it_could_not_read(world: World) -> None:
    await world.tell(world.settings())
    await told(
        world,
        ImportStarted(run_id=RUN, account_id=world.account("source"), mode="selected", total=2),
        run=RUN,
    )
    unreadable = EmployeeUnreadable(
        record_id=world.id("source", "x"), account_id=world.account("source"), remote_id="x", rev=1, reason="unreadable",
    )  # fmt: skip
    await told(world, unreadable, run=RUN)
    counts = {"read": 2, "staged": 1, "changed": 0, "unchanged": 0, "unreadable": 1}
    await told(world, ImportCompleted(run_id=RUN, **counts), run=RUN)
    run = await world.get(f"/runs/{RUN}")
    assert [(r["outcome"], r["reason"], r["count"]) for r in run["reasons"]] == [
        ("unreadable", "unreadable", 1)
    ]
    assert (run["counts"]["total"], run["counts"]["read"]) == (2, 2)


async def test_runs_are_filtered_by_kind_state_person_day_and_what_went_wrong(world: World) -> None:
    await a_sync(world)
    counts: dict[str, Any] = {"read": 1, "staged": 0, "changed": 0, "unchanged": 1, "unreadable": 0}
    await told(
        world, ImportStarted(run_id=RUN, account_id=world.account("source"), mode="all"), run=RUN, actor=None
    )
    await told(world, ImportCancelled(run_id=RUN, **counts), run=RUN, actor=None)

    async def asked(**query: Any) -> list[str]:
        return [run["kind"] for run in (await world.get("/runs", **query))["items"]]

    assert await asked() == ["import", "sync"]
    assert await asked(kind="sync") == ["sync"]
    assert await asked(state="cancelled") == ["import"]
    assert (await asked(actor="ann"), await asked(actor="")) == (["sync"], ["import"])
    assert await asked(result="problems") == ["sync"]
    assert await asked(since=datetime.now(UTC).replace(year=2100).isoformat()) == []
