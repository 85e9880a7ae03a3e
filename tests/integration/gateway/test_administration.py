"""Administration: pausing connections, how old a token is, keys in use, one's own sessions and formats, the audit log."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from shared.connectors.vault import Credential, Vault
from shared.errors import RateLimited
from shared.settings import VaultSettings
from tests.integration.gateway.conftest import EMAIL, KEY, PASSWORD, World

OTHER = "another password of some length"


async def _connection(world: World, path: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = await world.call("GET", f"{path}/accounts")
    return next(a for a in found if a["system"] == "linarc")


async def _given(world: World, path: str) -> tuple[Vault, str]:
    """The Linarc account has a key in the vault; its id."""
    account = await _connection(world, path)
    vault = Vault(world.database, VaultSettings(key=KEY))
    company = path.rsplit("/", 1)[-1]
    await vault.save(company, account["account_id"], Credential(system="linarc", api_key="k"))
    return vault, account["account_id"]


@pytest.mark.reason("connection.paused")
async def test_a_paused_connection_is_not_opened_until_it_is_resumed(admin: World) -> None:
    path = await admin.company()
    vault, account = await _given(admin, path)
    place = path.rsplit("/", 1)[-1], account
    paused = await admin.call("POST", f"{path}/accounts/{account}/pause")
    assert (paused["state"], bool(paused["fix"])) == ("paused", True)
    with pytest.raises(RateLimited) as waits:
        await vault.load(*place)
    assert waits.value.ours, "work waits, and fails for nobody"
    assert (await vault.load(*place, paused=True)).api_key == "k"
    assert (await admin.call("POST", f"{path}/accounts/{account}/test"))["state"] == "paused"
    await admin.call("POST", f"{path}/accounts/{account}/pause", expected=409)

    assert (await admin.call("POST", f"{path}/accounts/{account}/resume"))["state"] == "connected"
    await admin.call("POST", f"{path}/accounts/{account}/resume", expected=409)
    assert (await vault.load(*place)).api_key == "k"


async def test_only_the_number_that_is_missing_can_be_confirmed_as_gone(admin: World) -> None:
    """It becomes one command with the person's name, and an entry of the audit log."""
    path = await admin.company()
    _, account = await _given(admin, path)
    place = f"{path}/accounts/{account}/gone"
    refused = await admin.call("POST", place, json={"gone_at_most": 30}, expected=409)
    assert "nothing to confirm" in refused["detail"]

    await admin.age(
        "UPDATE vault.credentials SET warning = 'directory_short', warning_count = 30, warning_total = 50 "
        f"WHERE account_id = '{account}'"
    )
    seen = await _connection(admin, path)
    assert (seen["warning"], seen["warning_count"], seen["warning_total"]) == ("directory_short", 30, 50)
    assert "30 of 50" in seen["warning_text"]
    refused = await admin.call("POST", place, json={"gone_at_most": 29}, expected=409)
    assert "30 of 50" in refused["detail"]
    await admin.call("POST", place, json={"gone_at_most": 0}, expected=422)
    assert await admin.published(path, "import.employees") == []

    run = (await admin.call("POST", place, json={"gone_at_most": 30}, expected=202))["run_id"]
    (sent,) = await admin.published(path, "import.employees")
    command = sent["body"]
    assert (command["run_id"], command["account_id"], command["mode"], command["gone_at_most"]) == (
        run,
        account,
        "directory",
        30,
    )
    log = await admin.call("GET", f"{path}/audit?action=directory.confirmed")
    assert [(e["action"], e["detail"]) for e in log["items"]] == [("directory.confirmed", "30")]


async def test_tokens_that_are_renewed_during_a_pause_do_not_end_it(admin: World) -> None:
    path = await admin.company()
    vault, account = await _given(admin, path)
    place = path.rsplit("/", 1)[-1], account
    old = await vault.load(*place)
    await vault.pause(*place)
    assert await vault.renew(*place, old, old.model_copy(update={"api_key": "new"}))
    assert (await _connection(admin, path))["state"] == "paused"
    assert (await vault.load(*place, paused=True)).api_key == "new"


async def test_a_connection_says_how_old_its_token_is_and_when_it_was_called(admin: World) -> None:
    path = await admin.company()
    before = await _connection(admin, path)
    assert (before["renewed_at"], before["budget"]["last_at"], before["budget"]["in_minute"]) == (
        None,
        None,
        0,
    )
    await _given(admin, path)
    await admin.age("UPDATE vault.credentials SET renewed_at = renewed_at - interval '3 days'")
    account = (await _connection(admin, path))["account_id"]
    await admin.age(
        f"INSERT INTO vault.calls (company_id, account_id, month, metered, in_minute) VALUES ('{path.rsplit('/', 1)[-1]}', "
        f"'{account}', date_trunc('month', now() AT TIME ZONE 'UTC'), 9, 4)"
    )
    after = await _connection(admin, path)
    assert after["renewed_at"] is not None
    assert (after["budget"]["in_minute"], after["budget"]["last_at"] is not None) == (4, True)
    await admin.age("UPDATE vault.calls SET last_at = last_at - interval '2 minutes'")
    assert (await _connection(admin, path))["budget"]["in_minute"] == 0


async def test_a_key_says_when_it_was_last_used(admin: World) -> None:
    path = await admin.company()
    made = await admin.call("POST", f"{path}/api-keys", json={"name": "k", "role": "viewer"}, expected=201)
    (before,) = await admin.call("GET", f"{path}/api-keys")
    admin.http.cookies.clear()
    await admin.call("GET", path, headers={"Authorization": f"Bearer {made['key']}"})
    await admin.sign_in()
    (after,) = await admin.call("GET", f"{path}/api-keys")
    assert (before["used_at"], after["used_at"] is not None, after["good"]) == (None, True, True)


async def test_all_other_sessions_end_at_once(admin: World) -> None:
    async with admin.elsewhere("192.0.2.9") as other:
        await other.post("/v1/session", json={"email": EMAIL, "password": PASSWORD})
        assert len((await admin.call("GET", "/v1/me/sessions"))["items"]) == 2
        await admin.call("DELETE", "/v1/me/sessions", expected=204)
        assert (await other.get("/v1/session")).status_code == 401
    (left,) = (await admin.call("GET", "/v1/me/sessions"))["items"]
    assert left["current"]


async def test_times_and_numbers_are_shown_as_a_person_chooses(admin: World) -> None:
    chosen = {"time_zone": "America/Denver", "language": "de-CH"}
    await admin.call("PUT", "/v1/me/formats", json=chosen, expected=204)
    me = await admin.call("GET", "/v1/session")
    assert {name: me[name] for name in chosen} == chosen
    for wrong in ({"time_zone": "Nowhere/Land"}, {"language": "not a language"}):
        await admin.call("PUT", "/v1/me/formats", json={**chosen, **wrong}, expected=422)
    await admin.call("PUT", "/v1/me/formats", json={"time_zone": "", "language": ""}, expected=204)


async def test_a_company_is_renamed(admin: World) -> None:
    path = await admin.company()
    assert (await admin.call("PATCH", path, json={"name": "Other"}))["name"] == "Other"
    assert [c["name"] for c in await admin.call("GET", "/v1/companies")] == ["Other"]
    published = await admin.published(path, "settings.changed")
    assert published[-1]["body"]["settings"]["name"] == "Other"


async def test_what_is_done_is_in_the_audit_log(admin: World) -> None:
    path = await admin.company()
    _, account = await _given(admin, path)
    await admin.call("PATCH", path, json={"name": "Other"})
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True})
    for what in ("pause", "resume", "disconnect"):
        await admin.call("POST", f"{path}/accounts/{account}/{what}")
    entries = (await admin.call("GET", f"{path}/audit"))["items"]
    assert [e["action"] for e in entries] == [
        "connection.ended", "connection.resumed", "connection.paused", "rules.changed", "company.renamed",
        "rules.changed", "company.created",
    ]  # fmt: skip
    assert {e["subject"] for e in entries if e["action"].startswith("connection")} == {f"account:{account}"}


async def test_a_log_of_several_pages_is_exported_whole_and_no_name_is_a_formula(admin: World) -> None:
    path = await admin.company()
    company = path.rsplit("/", 1)[-1]
    await admin.age(
        "INSERT INTO gateway.audit_entries (company_id, action, actor, subject, detail, address, agent) "
        f"SELECT '{company}', 'key.refused', 'unknown', 'key:' || n, '', '192.0.2.1', '=cmd()' "
        "FROM generate_series(1, 1100) n"
    )
    text = (await admin.http.get(f"{path}/audit/export", params={"format": "csv"})).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1102
    assert (rows[0]["subject"], rows[0]["agent"]) == ("key:1100", "'=cmd()")
    asked = {"format": "json", "action": "key.refused", "who": "key:7"}
    (line,) = (await admin.http.get(f"{path}/audit/export", params=asked)).text.splitlines()
    assert (orjson.loads(line)["subject"], orjson.loads(line)["agent"]) == ("key:7", "=cmd()")
