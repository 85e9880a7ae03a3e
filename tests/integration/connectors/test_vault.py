"""Credentials in the database: replaced by one process at a time, never over a newer one, and forgotten for good."""

from __future__ import annotations

import asyncio
import base64
from uuid import UUID

import pytest
from pydantic import SecretStr

from shared.connectors.vault import Credential, Vault
from shared.db.tx import Database
from shared.domain.reasons import CONNECTIONS
from shared.errors import Unauthorized
from shared.settings import VaultSettings

COMPANY, ACCOUNT, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
OLD, NEW = base64.b64encode(b"o" * 32).decode(), base64.b64encode(b"n" * 32).decode()


def vault(database: Database, keys: str = OLD) -> Vault:
    return Vault(database, VaultSettings(key=SecretStr(keys)))


def tokens(n: int) -> Credential:
    return Credential(system="quickbooks", refresh_token=f"refresh-{n}", access_token=f"access-{n}")


async def test_one_of_many_gets_the_lease_and_the_others_see_what_came_of_it(
    database: Database, other_database: Database
) -> None:
    one, two = vault(database), vault(other_database)
    await one.save(COMPANY, ACCOUNT, tokens(1))
    stored = await two.load(COMPANY, ACCOUNT)
    got = await asyncio.gather(*((one if n % 2 else two).lease(COMPANY, ACCOUNT, stored) for n in range(20)))
    assert sum(got) == 1
    assert await one.renew(COMPANY, ACCOUNT, stored, tokens(2))
    assert not await two.renew(COMPANY, ACCOUNT, stored, tokens(3))
    assert not await two.lease(COMPANY, ACCOUNT, stored)
    newer = await two.load(COMPANY, ACCOUNT)
    assert (newer.access_token, newer.version) == ("access-2", stored.version + 1)
    assert await two.lease(COMPANY, ACCOUNT, newer)
    await two.release(COMPANY, ACCOUNT, newer)
    assert await one.lease(COMPANY, ACCOUNT, newer)


async def test_an_alarm_falls_on_the_credential_it_is_about_and_late_tokens_mend_it(
    database: Database,
) -> None:
    kept = vault(database)
    await kept.save(COMPANY, ACCOUNT, tokens(1))
    first = await kept.load(COMPANY, ACCOUNT)
    assert await kept.end(COMPANY, ACCOUNT, first, "reconnect", "token service: invalid_grant")
    with pytest.raises(Unauthorized) as caught:
        await kept.load(COMPANY, ACCOUNT)
    assert caught.value.state == "reconnect"
    (health,) = await kept.health(COMPANY)
    assert (health.state, health.problem) == ("reconnect", "token service: invalid_grant")
    assert await kept.renew(COMPANY, ACCOUNT, first, tokens(2))
    assert (await kept.load(COMPANY, ACCOUNT)).access_token == "access-2"
    assert not await kept.end(COMPANY, ACCOUNT, first, "reconnect", "late")
    assert [h.state for h in await kept.health(COMPANY)] == ["connected"]


@pytest.mark.reason("connection.disconnected")
async def test_what_is_disconnected_is_gone_and_no_late_token_brings_it_back(database: Database) -> None:
    kept = vault(database)
    await kept.save(COMPANY, ACCOUNT, tokens(1))
    first = await kept.load(COMPANY, ACCOUNT)
    await kept.forget(COMPANY, ACCOUNT)
    assert not await kept.renew(COMPANY, ACCOUNT, first, tokens(2))
    async with database.transaction([COMPANY]) as tx:
        assert await tx.fetchval("SELECT sealed FROM vault.credentials") == b""
    with pytest.raises(Unauthorized) as caught:
        await kept.load(COMPANY, ACCOUNT)
    assert caught.value.state == "disconnected"
    await kept.save(COMPANY, ACCOUNT, tokens(3))
    assert (await kept.load(COMPANY, ACCOUNT)).access_token == "access-3"


async def test_every_state_that_people_are_shown_can_be_stored(database: Database) -> None:
    kept = vault(database)
    await kept.save(COMPANY, ACCOUNT, tokens(1))
    for state in CONNECTIONS:
        await kept.mark(COMPANY, ACCOUNT, state)
        assert [h.state for h in await kept.health(COMPANY)] == [state]


async def test_reading_with_a_new_key_first_seals_again_and_the_old_one_may_go(database: Database) -> None:
    await vault(database, OLD).save(COMPANY, ACCOUNT, tokens(1))
    with pytest.raises(Unauthorized):
        await vault(database, NEW).load(COMPANY, ACCOUNT)
    assert (await vault(database, f"{NEW},{OLD}").load(COMPANY, ACCOUNT)).access_token == "access-1"
    assert (await vault(database, NEW).load(COMPANY, ACCOUNT)).access_token == "access-1"


async def test_another_company_finds_nothing(database: Database) -> None:
    kept = vault(database)
    await kept.save(COMPANY, ACCOUNT, tokens(1))
    with pytest.raises(Unauthorized):
        await kept.load(OTHER, ACCOUNT)
    assert await kept.health(OTHER) == []
