"""A value that belongs to somebody else is refused, and the one who has it is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from services.syncer.worker import Sender
from shared.domain.employee import Remote
from shared.domain.settings import Account
from shared.settings import LimitSettings
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


class Of:
    """Gives out a side's connector."""

    def __init__(self, side: Side) -> None:
        self.side = side

    async def get(self, account: Account, company: UUID) -> Any:
        return self.side.connector()


async def refused(world: World, side: Side, **wanted: Any) -> dict[str, Any]:
    """What is published of the holder when somebody new wants this."""
    handlers = world.handlers
    world.sender = Sender(
        world.database, handlers.outbox, Of(side), handlers.clock, handlers.settings, handlers.senders
    )
    await world.staged("new", **wanted)
    await world.unmatched("new")
    await world.sync("new")
    await world.send()
    last: dict[str, Any] = (await world.published("push.failed"))[-1]["record_status"]
    assert "needs_action" == last["status"]
    return last


async def test_an_employee_who_has_the_name_is_named_with_their_number(world: World, tmp_path: Path) -> None:
    """And a name that is free; nothing is sent."""
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        (remote,) = await side.seed([side.person("Ann", "Li") | {"EmployeeNumber": "7501"}])
        read = (await side.connector().read_many([remote]))[remote]
        assert isinstance(read, Remote)
        await world.found(read)

        await world.staged("new", first_name="Ann", last_name="Li", number="88")
        await world.unmatched("new")
        last = (await world.published("status.changed"))[-1]

        assert ("duplicate_name", "display_name") == (last["reason"], last["field"])
        assert {
            "kind": "employee",
            "remote_id": remote,
            "name": "Ann Li",
            "number": "7501",
            "active": True,
            "free": "Ann Li (88)",
        } == last["holder"]
        await side.close()


async def test_a_vendor_who_has_the_name_is_named(world: World, tmp_path: Path) -> None:
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        await side.seed([{"DisplayName": "Ottoline Vassbakk"}], list="Vendor")

        last = await refused(world, side, first_name="Ottoline", last_name="Vassbakk")

        assert "vendor" == last["holder"]["kind"]
        assert not last["holder"]["name"], "it is the one that was refused"
        assert "Ottoline Vassbakk 2" == last["holder"]["free"]
        await side.close()


@pytest.mark.parametrize("kind", ["vendor", "employee"])
async def test_one_who_is_inactive_is_named_too(world: World, tmp_path: Path, kind: str) -> None:
    """QuickBooks has put "(deleted)" behind the name, which stays taken."""
    async with sandbox("quickbooks", "in process", tmp_path) as place:
        side = Side("quickbooks", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        named = {"DisplayName": "Ottoline Vassbakk (deleted)", "Active": False}
        person = {"GivenName": "Ottoline", "FamilyName": "Vassbakk"} if kind == "employee" else {}
        where = {} if kind == "employee" else {"list": "Vendor"}
        (remote,) = await side.seed([{**person, **named}], **where)
        if kind == "employee":
            read = (await side.connector().read_many([remote]))[remote]
            assert isinstance(read, Remote)
            await world.found(read)

        last = await refused(world, side, first_name="Ottoline", last_name="Vassbakk")

        assert (last["holder"]["kind"], last["holder"]["active"]) == (kind, False)
        assert "Ottoline Vassbakk 2" == last["holder"]["free"]
        await side.close()


async def test_an_address_of_somebody_at_linarc_is_named(world: World, tmp_path: Path) -> None:
    await world.flip()
    async with sandbox("linarc", "in process", tmp_path) as place:
        side = Side("linarc", place, world.database, LimitSettings(enforced=False))
        await side.connect()
        (remote,) = await side.seed([side.person("Bea", "Ek") | {"email": "shared@x.co"}])
        read = (await side.connector().read_many([remote]))[remote]
        assert isinstance(read, Remote)
        await world.found(read)

        last = await refused(world, side, first_name="Ann", last_name="Li", email="Shared@x.co")

        assert ("duplicate_email", "email") == (last["reason"], last["field"])
        assert ("employee", "Bea Ek", remote) == tuple(
            last["holder"][n] for n in ("kind", "name", "remote_id")
        )
        await side.close()
