"""What is no news costs next to nothing: our own write that comes back, and a match result that says what was known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.db.tx import Tx
from shared.domain.plans import NO_LIMITS
from shared.domain.values import Cause, Lane

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of the transactions that follow, without those that begin and end them."""
    sent: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        real = getattr(Tx, name)

        async def counted(self: Tx, sql: str, *args: object, real: Any = real) -> Any:
            sent.append(sql)
            return await real(self, sql, *args)

        monkeypatch.setattr(Tx, name, counted)
    return sent


async def synced(world: World) -> None:
    """One person is in both systems, and mapper has linked the two."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await world.echo("1", rev=2)


async def test_a_link_that_stands_is_kept_in_one_statement(world: World, statements: list[str]) -> None:
    await synced(world)
    before = await world.rows("SELECT status_rev FROM records")
    statements.clear()

    await world.linked("a", "1", rev=2, link_rev=7)

    assert 1 == len(statements)
    (row,) = await world.rows("SELECT link_rev, link_source_rev, status_rev FROM records")
    assert (7, 2, before[0]["status_rev"]) == tuple(row)


async def test_an_echo_that_is_older_than_our_own_answer_is_one_statement(
    world: World, statements: list[str]
) -> None:
    await synced(world)
    statements.clear()

    await world.echo("1", rev=2)
    assert 1 == len(statements)


async def test_a_newer_echo_with_the_same_values_is_kept_and_nothing_decided(
    world: World, statements: list[str]
) -> None:
    await synced(world)
    statements.clear()

    await world.echo("1", rev=3)

    assert 3 == len(statements)
    (row,) = await world.rows("SELECT rev FROM snapshots WHERE remote_id = '1'")
    assert 3 == row["rev"]


async def test_what_a_rules_push_costs_is_known(world: World, statements: list[str]) -> None:
    """Planned and claimed in one transaction, its call stored in a second, its answer recorded in a third."""
    await synced(world)
    await world.limits(2, NO_LIMITS, auto_sync=True)
    await world.send()
    await world.staged(
        "a", rev=2, cause=Cause.HOOK, lane=Lane.REAL_TIME, middle_name="First"
    )  # begins the plan of the hour
    await world.send()
    await world.linked("a", "1", rev=2, link_rev=6)
    world.be_idle()

    statements.clear()
    await world.staged("a", rev=3, cause=Cause.HOOK, lane=Lane.REAL_TIME, middle_name="Second")
    planned = len(statements)
    assert await world.sender.step()

    assert (8, 8) == (planned, len(statements) - planned), statements
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_a_link_to_somebody_else_is_decided(world: World) -> None:
    await synced(world)
    await world.linked("a", "7", link_rev=7)

    assert {world.id("a"): ("needs_sync", "checking")} == await world.statuses()


async def test_a_link_that_stands_is_decided_where_the_last_push_failed(world: World) -> None:
    """What failed stands until something moves: a newer answer of mapper's is something."""
    await synced(world)
    await world.staged("a", rev=2, cause=Cause.IMPORT, first_name="Anne")
    await world.rows(
        "UPDATE records SET failure = json_build_object('reason', 'rejected', 'field', NULL, 'source_rev', 2,"
        " 'link_rev', link_rev, 'settings_version', 1), status = 'needs_action', reason = 'rejected'"
    )

    await world.linked("a", "1", rev=2, link_rev=7)

    assert {world.id("a"): ("needs_sync", "changed")} == await world.statuses()
