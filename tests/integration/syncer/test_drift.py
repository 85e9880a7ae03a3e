"""What somebody changed at the destination is shown, never silently overwritten, and decided by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid5

import pytest

from services.syncer.api.drift import drift_view
from shared.contracts.commands import DecideDrift
from shared.domain.employee import Employee, Remote
from shared.domain.values import Cause
from tests.support.companies import COMPANY, NAMESPACE, SOURCE

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio
HERE = {"first_name": "Ana", "last_name": "Lia", "active": True, "phone": "503-555-0142", "email": "a@b.co"}
DRIFTED = ("needs_action", "changed_at_destination")
SYNCED = ("synced", "")


async def edited(world: World, rev: int = 1, **values: Any) -> None:
    """Somebody changed this at the destination."""
    (remote,) = world.destination.people
    held = world.destination.people[remote]
    version = str(int(held.version or 0) + 1)
    employee = held.employee.overlaid(Employee(**(values or {"phone": "503-555-0199"})))
    world.destination.people[remote] = held.model_copy(update={"employee": employee, "version": version})
    await world.echo(remote, rev)


async def synced(world: World) -> None:
    await world.staged("a", version="1", **HERE)
    world.origin.people["a"] = Remote(
        remote_id="a", version="1", updated_at=None, employee=Employee(**HERE), payload="{}"
    )
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    (remote,) = world.destination.people
    await world.linked("a", remote)
    assert await status(world) == SYNCED


async def status(world: World) -> tuple[str, str]:
    return (await world.statuses())[world.id("a")]


def held(world: World) -> Employee:
    (remote,) = world.destination.people.values()
    return remote.employee


async def decide(world: World, name: str = "decided", rev: int = 0, **fields: Any) -> None:
    """A person decides about what they see; `rev` is that of a source record which has moved since."""
    shown = await drift_view(world.database, COMPANY, world.id("a"))
    revs = {"source_rev": rev or shown.source_rev, "destination_rev": shown.destination_rev}
    body = DecideDrift.model_validate(
        {"run_id": uuid5(NAMESPACE, name), "record_id": world.id("a"), **revs, **fields}
    )
    await world.command(body)
    await world.send()


async def staged_as_adopted(world: World, rev: int = 2) -> None:
    """importer stages what the source answered; mapper has matched it."""
    (*_, body) = await world.published("push.adopted")
    assert (body["record_id"], body["account_id"]) == (str(world.id("a")), str(SOURCE))
    await world.staged("a", rev=rev, cause=Cause.PUSH, version="2", **body["employee"])
    (remote,) = world.destination.people
    await world.linked("a", remote, rev=rev, link_rev=rev + 1)


async def test_a_person_overwrites_an_edit_at_the_destination_by_a_push(world: World) -> None:
    await synced(world)

    await edited(world)
    assert await status(world) == DRIFTED
    assert (await world.published_statuses())[-1]["field"] == "phone"

    await world.sync("a", name="overwrite")
    await world.send()
    assert await status(world) == SYNCED
    assert held(world).phone == "503-555-0142"


async def test_a_person_lets_an_edit_stand_until_either_side_changes_again(world: World) -> None:
    await synced(world)
    await edited(world)

    await decide(world, let_stand=["phone"])
    assert await status(world) == SYNCED
    assert await world.published("sync.completed") != []
    runs = len(await world.published("sync.started"))
    await world.staged("a", rev=2, version="2", **HERE | {"email": "new@b.co"})
    await world.sync("a", name="another field")
    await world.send()
    assert len(await world.published("sync.started")) == runs + 1, "letting it stand is no run"
    assert await status(world) == SYNCED
    assert held(world).phone == "503-555-0199", "the push of another field leaves it"

    await edited(world, rev=9, phone="503-555-0111")
    assert await status(world) == DRIFTED


async def test_the_source_takes_the_destinations_value_and_nothing_is_written_back(world: World) -> None:
    await synced(world)
    await edited(world)
    calls = len(world.destination.calls)

    await decide(world, adopt=["phone"])

    assert world.origin.people["a"].employee.phone == "503-555-0199"
    assert world.origin.people["a"].employee.email == "a@b.co"
    assert await status(world) == SYNCED
    (plan,) = [p for p in await world.published("push.planned") if p["action"] == "adopt"]
    assert plan["fields"] == {"phone": {"before": "503-555-0142", "after": "503-555-0199"}}
    ended = (await world.published("sync.completed"))[-1]
    assert (ended["total"], ended["succeeded"]) == (1, 1)

    await staged_as_adopted(world)
    await world.send()
    assert await status(world) == SYNCED
    assert len(world.destination.calls) == calls
    assert len(world.origin.calls) == 1


async def test_a_later_change_of_an_adopted_value_is_pushed_as_usual(world: World) -> None:
    await synced(world)
    await edited(world)
    await decide(world, adopt=["phone"])
    await staged_as_adopted(world)

    await world.staged("a", rev=3, version="3", **HERE)

    assert await status(world) == ("needs_sync", "changed")
    await world.sync("a", name="later")
    await world.send()
    assert held(world).phone == "503-555-0142"


async def test_each_field_is_decided_by_itself(world: World) -> None:
    """The source is written first, then the destination, which keeps what stands."""
    await synced(world)
    await edited(world, phone="503-555-0199", email="x@b.co", mobile="503-555-0155")
    shown = await drift_view(world.database, COMPANY, world.id("a"))
    assert {n: (f.wanted, f.there, f.may_adopt) for n, f in shown.fields.items()} == {
        "phone": ("503-555-0142", "503-555-0199", True),
        "email": ("a@b.co", "x@b.co", True),
    }, "what Muster never wrote is no drift"

    await decide(world, adopt=["phone"], overwrite=["email"])

    assert world.origin.people["a"].employee.phone == "503-555-0199"
    assert world.origin.people["a"].employee.email == "a@b.co"
    there = held(world)
    assert (there.phone, there.email, there.mobile) == ("503-555-0199", "a@b.co", "503-555-0155")
    assert await status(world) == SYNCED
    ended = (await world.published("sync.completed"))[-1]
    assert (ended["total"], ended["succeeded"]) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "rev"),
    [({"adopt": ["email"]}, 0), ({"adopt": ["phone", "email"]}, 0), ({"adopt": ["phone"]}, 99)],
    ids=["another field", "more fields", "another version"],
)
async def test_a_decision_about_something_else_than_what_stands_does_nothing(
    world: World, fields: dict[str, Any], rev: int
) -> None:
    await synced(world)
    await edited(world)

    await decide(world, rev=rev, **fields)

    assert await status(world) == DRIFTED
    assert world.origin.calls == []
    assert (await world.published("sync.completed"))[-1]["skipped"] == {"moved": 1}


async def test_a_source_that_has_moved_meanwhile_keeps_its_value_and_the_person_decides_again(
    world: World,
) -> None:
    await synced(world)
    await edited(world)
    theirs = Employee(**HERE | {"phone": "503-555-0100"})
    world.origin.people["a"] = world.origin.people["a"].model_copy(update={"employee": theirs})

    await decide(world, adopt=["phone"])

    assert world.origin.people["a"].employee.phone == "503-555-0100"
    assert await status(world) == DRIFTED
    assert (await world.published("push.failed"))[-1]["reason"] == "conflict"


async def test_an_adoption_that_the_source_refuses_leaves_the_record_to_be_decided(world: World) -> None:
    """No retry follows that would write the source's value to the destination instead."""
    await synced(world)
    await edited(world)
    world.origin.fails_on = "0199"

    await decide(world, adopt=["phone"])
    for _ in range(12):
        await world.due()
        await world.send()

    assert await status(world) == DRIFTED
    assert held(world).phone == "503-555-0199"
    assert await world.rows("SELECT FROM pushes WHERE state <> 'done'") == []
