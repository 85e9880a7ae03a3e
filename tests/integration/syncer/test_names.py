"""Names that a creation may not repeat: the destination's other lists, its people, and the source's own namesakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.syncer.worker import Sender
from shared.domain.employee import Employee, Remote
from shared.domain.scope import Condition
from shared.domain.settings import Account
from shared.settings import LimitSettings
from tests.support.companies import document
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
RULE = "{name} ({number})"


class Of:
    """Gives out a side's connector."""

    def __init__(self, side: Side) -> None:
        self.side = side

    async def get(self, account: Account, company: UUID) -> Any:
        return self.side.connector()


@pytest_asyncio.fixture
async def qbo(world: World, tmp_path: Path) -> AsyncIterator[Side]:
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        handlers = world.handlers
        world.sender = Sender(
            world.database, handlers.outbox, Of(side), handlers.clock, handlers.settings, handlers.senders
        )
        yield side
        await side.close()


async def read(world: World) -> None:
    """Read every list that is due, and decide again what that moved."""
    while await world.sender.read_names():
        pass
    while await world.sender.decide_due():
        pass


async def later(world: World) -> None:
    """As if the lists were due again."""
    await world.rows("UPDATE name_lists SET due_at = now()")
    await read(world)


async def status(world: World, remote: str) -> tuple[str, str]:
    (row,) = await world.rows(f"SELECT status, reason FROM records WHERE record_id = '{world.id(remote)}'")
    return row["status"], row["reason"]


async def planned_name(world: World, remote: str, name: str) -> str | None:
    """The display name that a plan made now would give this person."""
    plan = await world.plan(remote, name=name)
    (row,) = await world.rows(
        f"SELECT fields ->> 'display_name' AS name FROM plan_records WHERE plan_id = '{plan}'"
    )
    return str(row["name"]) if row["name"] else None


async def test_somebody_with_a_vendors_name_is_a_case_before_anything_is_sent(
    world: World, qbo: Side
) -> None:
    await qbo.seed([{"DisplayName": "Ottoline Vassbakk"}], list="Vendor")
    await read(world)
    await world.staged("new", first_name="ottoline", last_name="Vassbakk")
    await world.unmatched("new")

    assert await status(world, "new") == ("needs_action", "duplicate_name")
    holder = (await world.published("status.changed"))[-1]["holder"]
    assert holder["kind"] == "vendor"
    assert "name" not in holder, "names of the other lists stand in no event"
    await world.plan("new", apply=True)
    await world.send()
    assert "create" not in await qbo.calls()


async def test_a_name_that_comes_later_stops_who_would_have_it(world: World, qbo: Side) -> None:
    await read(world)
    await world.staged("new", first_name="Ottoline", last_name="Vassbakk")
    await world.unmatched("new")
    assert (await status(world, "new"))[0] == "needs_sync"

    await qbo.seed([{"DisplayName": "Ottoline Vassbakk"}], list="Customer")
    await later(world)
    assert await status(world, "new") == ("needs_action", "duplicate_name")


async def test_a_whole_read_frees_the_names_that_it_does_not_show(world: World, qbo: Side) -> None:
    await read(world)
    await world.rows(
        "INSERT INTO taken_names SELECT company_id, account_id, kind, '99', 'ottoline vassbakk', true, now() - interval '1 day' "
        "FROM name_lists WHERE kind = 'vendor'"
    )
    await world.staged("new", first_name="Ottoline", last_name="Vassbakk")
    await world.unmatched("new")
    assert await status(world, "new") == ("needs_action", "duplicate_name")
    await world.rows("UPDATE name_lists SET read_at = now() - interval '2 days'")
    await later(world)
    assert (await status(world, "new"))[0] == "needs_sync"


async def test_an_employee_who_has_the_name_is_named_before_anything_is_sent(world: World, qbo: Side) -> None:
    await world.found(there("7", "Ann", "Li", number="7501"))
    await world.staged("new", first_name="Ann", last_name="Li", number="88")
    await world.unmatched("new")
    assert await status(world, "new") == ("needs_action", "duplicate_name")
    holder = (await world.published("status.changed"))[-1]["holder"]
    assert ("employee", "Ann Li", "7501") == (holder["kind"], holder["name"], holder["number"])

    await world.found(there("7", "Anna", "Li", number="7501"), rev=2)
    assert (await status(world, "new"))[0] == "needs_sync", "the name is free again"


async def test_the_second_of_two_namesakes_gets_the_name_by_the_rule(world: World, qbo: Side) -> None:
    """It stands in the plan, and both are created."""
    await world.limits(2, limits=document(1).settings.route.rules.limits, same_name=RULE)  # type: ignore[union-attr]
    remotes = sorted("ab", key=world.id)
    for remote in remotes:
        await world.staged(remote, first_name="Marisol", last_name="Quintero", number=f"701{remote}")
        await world.unmatched(remote)
    first, second = remotes
    assert await planned_name(world, first, "one") is None
    assert await planned_name(world, second, "two") is not None
    plan = await world.plan(first, second, name="both", apply=True)
    await pass_gate(world)
    assert await world.state_of(plan) == "done"
    names = {row["DisplayName"] for row in (await qbo.rows()).values()}
    assert names == {"Marisol Quintero", f"Marisol Quintero (701{second})"}


async def test_a_number_that_does_not_help_leaves_a_case(world: World, qbo: Side) -> None:
    await world.limits(2, limits=document(1).settings.route.rules.limits, same_name=RULE)  # type: ignore[union-attr]
    await world.found(there("7", "Ann", "Li"))
    await world.staged("new", first_name="Ann", last_name="Li", number=None)
    await world.unmatched("new")
    assert await status(world, "new") == ("needs_action", "duplicate_name")


async def test_with_payroll_a_namesake_is_a_case_whatever_the_rule(world: World, qbo: Side) -> None:
    await world.tell(world.handlers.on_settings, document(2, same_name=RULE, payroll=True))
    await world.found(there("7", "Ann", "Li"))
    await world.staged(
        "new", first_name="Ann", last_name="Li", number="88",
        address_city="Reno", address_state="NV", address_postal_code="89501",
    )  # fmt: skip
    await world.unmatched("new")
    assert await status(world, "new") == ("needs_action", "duplicate_name")


async def test_a_name_that_was_taken_after_the_plan_is_not_sent(world: World, qbo: Side) -> None:
    await world.staged("new", first_name="Ann", last_name="Li", number="88")
    await world.unmatched("new")
    plan = await world.plan("new", name="one", apply=True)
    await world.found(there("7", "Ann", "Li"))
    await pass_gate(world)
    assert await world.state_of(plan) == "done"
    assert "create" not in await qbo.calls()
    assert await status(world, "new") == ("needs_action", "duplicate_name")


@pytest.mark.reason("out_of_scope")
async def test_who_leaves_the_scope_is_excluded_and_never_deactivated(world: World, qbo: Side) -> None:
    """And comes back with it; a push that waits is over."""
    await world.staged("new", first_name="Ann", last_name="Li", department="Office")
    await world.unmatched("new")
    assert (await status(world, "new"))[0] == "needs_sync"
    crew = Condition(field="department", values=("Crew",))
    await world.limits(2, limits=document(1).settings.route.rules.limits, scope=(crew,))  # type: ignore[union-attr]
    assert await status(world, "new") == ("excluded", "out_of_scope")
    await world.plan("new", name="one", apply=True)
    await world.send()
    assert "create" not in await qbo.calls()
    await world.linked("new", "7")
    await world.found(there("7", "Ann", "Li"))
    assert await status(world, "new") == ("excluded", "out_of_scope")
    await world.left_out("new", "7")
    assert await status(world, "new") == ("excluded", "out_of_scope")
    await world.limits(3, limits=document(1).settings.route.rules.limits)  # type: ignore[union-attr]
    assert await status(world, "new") == ("needs_sync", "checking"), "mapper has not answered on this scope"
    await world.linked("new", "7", link_rev=4)
    assert await status(world, "new") == ("needs_sync", "never_pushed")


def there(remote: str, first: str, last: str, **more: Any) -> Remote:
    """Somebody at the destination."""
    employee = Employee(first_name=first, last_name=last, display_name=f"{first} {last}", active=True, **more)
    return Remote(remote_id=remote, version="1", updated_at=None, employee=employee, payload="{}")


async def pass_gate(world: World) -> None:
    """Send what is due; the directory has been read since."""
    await world.send()
    await world.matched(world.handlers.clock.now() + timedelta(seconds=1))
    await world.send()
