"""`muster` over the public API of a running stack: people, keys, runs, rules, connections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.command import muster
from tests.support.eventually import eventually
from tests.support.fleet import Fleet


async def run(fleet: Fleet, *words: str, code: int = 0) -> str:
    """What a command prints, which must end with this code."""
    place = ("--data", str(fleet.stack.data), "--company", fleet.company.name)
    done = await muster(*words, *place)
    assert done.code == code, done.text
    return done.text


async def answer(fleet: Fleet, *words: str) -> Any:
    """What a command answers to programs."""
    return json.loads(await run(fleet, *words, "--json"))


async def test_a_colleague_is_invited_and_people_are_listed(fleet: Fleet) -> None:
    made = await answer(fleet, "users", "invite", "colleague@muster.example", "--role", "operator")
    assert (made["role"], "/join/" in made["link"]) == ("operator", True)
    assert fleet.access.email in await run(fleet, "users", "list")
    assert [one["role"] for one in await answer(fleet, "users", "list")] == ["admin"]
    text = await run(fleet, "users", "remove", "nobody@muster.example", code=1)
    assert "muster users list" in " ".join(text.split())


async def test_an_operator_of_the_installation_is_appointed_and_let_go(fleet: Fleet) -> None:
    async def ask(*words: str) -> Any:
        done = await muster("users", *words, "--data", str(fleet.stack.data), "--json")
        assert done.code == 0, done.text
        return json.loads(done.text)

    who = "olga@muster.example"
    made = await ask("appoint", who, "--name", "Olga")
    assert (made["role"], "/reset/" in made["link"]) == ("operator", True)
    staff = {one["email"]: one["role"] for one in await ask("staff")}
    assert (staff[fleet.access.email], staff[who]) == ("admin", "operator")
    assert (await ask("appoint", who, "--role", "none"))["role"] == "none"
    assert who not in {one["email"] for one in await ask("staff")}


async def test_a_key_is_made_shown_once_and_taken_back(fleet: Fleet) -> None:
    made = await answer(fleet, "keys", "create", "payroll", "--days", "3")
    assert made["key"].startswith("mk_")
    assert made["key_id"] in await run(fleet, "keys", "list")
    assert made["key"] not in await run(fleet, "keys", "list")
    await run(fleet, "keys", "revoke", made["key_id"])
    assert made["key_id"] not in {one["key_id"] for one in await answer(fleet, "keys", "list")}


async def test_an_import_is_followed_to_its_end_and_listed(fleet: Fleet) -> None:
    begun = await fleet.client.call("POST", f"{fleet.path}/imports", json={"mode": "new"})
    assert "completed" in await run(fleet, "runs", "watch", begun["run_id"])
    assert begun["run_id"] in {one["run_id"] for one in await answer(fleet, "runs", "list")}


async def test_rules_go_out_to_a_file_and_come_in_again(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    await run(fleet, "rules", "export", str(file))
    text = file.read_text()
    before = (await fleet.client.call("GET", f"{fleet.path}/rules"))["version"]
    for number, version in (("9", before + 1), ("10", before + 2)):
        file.write_text(text.replace("direct_sync: 10", f"direct_sync: {number}"))
        await run(fleet, "rules", "import", str(file), "--dry-run")
        assert f"Version {version} " in await run(fleet, "rules", "import", str(file))
    file.write_text("rules: [\n")
    assert "line" in await run(fleet, "rules", "import", str(file), code=1)


async def test_connections_are_listed_and_rest_for_a_while(fleet: Fleet) -> None:
    accounts = await answer(fleet, "connections", "list")
    assert {one["system"] for one in accounts} == {"linarc", "quickbooks"}
    account = accounts[0]["account_id"]
    assert "paused" in await run(fleet, "connections", "pause", account)
    await run(fleet, "connections", "resume", account)
    assert "connected" in await run(fleet, "connections", "test", account)
    refused = await run(fleet, "connections", "confirm-gone", account, "3", code=1)
    assert "nothing to confirm" in " ".join(refused.split())


async def test_notices_are_listed_and_tested_and_it_is_shown_how_that_went(fleet: Fleet) -> None:
    """The channel's address refuses connections; nothing of it but its host is shown."""
    body = {"shape": "webhook", "name": "Pager", "url": "http://127.0.0.1:9/its-own-secret", "kinds": []}
    made = await fleet.client.call("POST", f"{fleet.path}/notices/channels", json=body)
    channel = made["channel_id"]
    try:
        found = await answer(fleet, "notices", "list")
        assert ([one["channel_id"] for one in found["channels"]], found["email"]) == (
            [channel],
            fleet.access.email,
        )
        text = await run(fleet, "notices", "list")
        assert channel in text and "Pager" in text and "its-own-secret" not in text
        assert f"muster notices sent {channel}" in await run(fleet, "notices", "test", channel)

        async def tried() -> bool:
            (one,) = await answer(fleet, "notices", "sent", channel)
            return (one["state"], one["answer"]) == ("waiting", "ConnectError")

        assert await eventually(tried, every=1.0)
        assert "ConnectError" in await run(fleet, "notices", "sent", channel)
        assert "MUSTER_MAIL__HOST" in await run(fleet, "notices", "test", code=1)
    finally:
        await fleet.client.call("DELETE", f"{fleet.path}/notices/channels/{channel}")


async def test_a_plan_is_shown_and_applied(fleet: Fleet) -> None:
    remote_id = await fleet.hire(first_name="Commanda", last_name="Lineman", email="commanda@line.example")
    record = await fleet.becomes(remote_id, "needs_sync")
    text = await run(fleet, "plan", "--search", "commanda@line.example")
    assert "1 create" in text
    plan_id = text.split("Plan ")[1].split()[0]
    await run(fleet, "apply", plan_id)
    assert (await fleet.becomes(remote_id, "synced"))["record_id"] == record["record_id"]
