"""A request never waits for a second connection while it holds one: with one in the pool it would wait for itself."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from tests.integration.gateway.conftest import World


@pytest.fixture
def pool_size() -> int:
    """So few that what takes two at once can never go on."""
    return 1


async def test_rules_are_saved_with_their_warnings_over_one_connection(admin: World) -> None:
    paths = [await admin.company(), await admin.company()]
    bodies = [admin.route(UUID(path.rsplit("/", 1)[-1]), auto_sync=True) for path in paths]
    answers = await asyncio.gather(
        *(admin.call("PUT", f"{path}/route", json=body) for path, body in zip(paths, bodies, strict=True))
    )
    assert [answer["warnings"] for answer in answers] == [[], []]
    rules = await admin.call("GET", f"{paths[0]}/rules")
    whole = {name: rules[name] for name in ("source", "destination", "active", "version", "rules")}
    assert (await admin.call("PUT", f"{paths[0]}/rules", json=whole))["warnings"] == []
    restored = await admin.call("POST", f"{paths[0]}/rules/restore", json={"version": rules["version"]})
    assert restored["warnings"] == []
