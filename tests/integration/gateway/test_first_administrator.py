"""A new installation's first administrator, made on the command line."""

from __future__ import annotations

from tests.integration.gateway.conftest import EMAIL, PASSWORD, World
from tests.support.command import Done, muster


async def create(world: World, email: str = EMAIL, password: str = PASSWORD) -> Done:
    """As `docker compose run --rm operator` runs it: with the owner's address."""
    given = {"MUSTER_DATABASE__DSN": world.addresses("owner"), "MUSTER_PASSWORD": password}
    return await muster("users", "create-administrator", email, **given)


async def test_the_first_administrator_signs_in_and_creates_a_company(world: World) -> None:
    done = await create(world)
    assert (done.code, done.text.strip()) == (0, f"{EMAIL} is an installation administrator.")
    assert (await world.sign_in()).status_code == 201
    await world.call("POST", "/v1/companies", json={"name": "C"}, expected=201)


async def test_an_account_that_is_there_becomes_an_administrator_with_a_new_password(admin: World) -> None:
    """And whoever was signed in with the old one is signed out."""
    assert (await create(admin, password="quite another one")).code == 0
    await admin.call("GET", "/v1/session", expected=401)
    assert (await admin.sign_in()).status_code == 401
    assert (await admin.sign_in("quite another one")).status_code == 201


async def test_what_cannot_be_an_administrator_is_refused_in_a_sentence(world: World) -> None:
    assert "12 characters" in (done := await create(world, password="short")).text
    assert done.code == 1
    assert "not an e-mail address" in (done := await create(world, email="nobody")).text
    assert done.code == 1
    assert (await world.sign_in()).status_code == 401
