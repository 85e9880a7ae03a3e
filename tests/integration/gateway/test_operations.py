"""How a company does, its dead letters, and all companies for the operator of the installation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.events import EmployeeStaged
from shared.db.seal import Sealer
from shared.db.tx import Database
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause
from shared.messaging import dead_letters
from shared.messaging.dead_letters import DeadLetter, Raw
from tests.integration.gateway.conftest import EMAIL, KEY, World
from tests.support.eventually import eventually

LETTER = "employees.v1:3:17"


async def _source(admin: World, path: str) -> UUID:
    return UUID((await admin.call("GET", path))["route"]["source"])


async def _dead(database: Database, company: UUID, source: UUID, *, body: bytes | None = None) -> UUID:
    """An employee that could not be handled; its record."""
    now = datetime.now(UTC)
    staged = EmployeeStaged(
        record_id=record_id(source, "x"), account_id=source, remote_id="x", rev=1, requested_at=now,
        answered_at=now, cause=Cause.READ, employee=Employee(last_name="Quill", birth_date=date(1961, 7, 29)),
    )  # fmt: skip
    headers = {
        "ce_id": str(uuid4()), "ce_type": staged.wire_type(), "ce_time": now.isoformat(), "ce_companyid": str(company),
    }  # fmt: skip
    raw = Raw(None, tuple((k, v.encode()) for k, v in headers.items()), body or staged.raw())
    letter = DeadLetter(
        "employees.v1", 3, 17, "failed", "KeyError at fold:3", raw, company, uuid4(), staged.wire_type()
    )
    async with database.system() as tx:
        await dead_letters.add(tx, Sealer([KEY]), [letter])
    return staged.record_id


async def _whole(admin: World, path: str) -> dict[str, Any]:
    """The company's operations, with the parts that a busy machine takes too long for at first."""

    async def ask() -> dict[str, Any] | None:
        found: dict[str, Any] = await admin.call("GET", f"{path}/operations", params={"span": "15m"})
        return found if found["results"] and not found["unanswered"] else None

    found = await eventually(ask, within=90)
    assert found is not None
    return found


async def _as(admin: World, path: str, role: str) -> dict[str, str]:
    key = await admin.call("POST", f"{path}/api-keys", json={"name": role, "role": role}, expected=201)
    return {"Authorization": f"Bearer {key['key']}"}


async def test_one_answer_says_how_a_company_does_and_what_is_paused(admin: World) -> None:
    path = await admin.company()
    await admin.staged(path, "a", "b")
    found = await _whole(admin, path)
    assert found["results"]["counts"] == {"needs_sync": 2}
    assert len(found["results"]["points"]) == 16 and found["unanswered"] == []
    assert {one["label"] for one in found["connections"]} == {"Linarc", "QuickBooks Online"}
    assert [(one["kind"], one["id"]) for one in found["paused"] if one["kind"] != "connection"] == [
        ("automatic", "auto_sync")
    ]
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True})
    timing = {"every": "day", "at": "06:00", "zone": "UTC"}
    schedule = {"action": "import_all", "timing": timing, "active": False}
    answer = await admin.http.put(f"{path}/schedules/{uuid4()}", json=schedule, headers={"X-Muster": "1"})
    found = await admin.call("GET", f"{path}/operations")
    kinds = {one["kind"] for one in found["paused"]}
    assert "automatic" not in kinds
    assert ("schedule" in kinds) == answer.is_success, answer.text
    assert {h["service"] for h in found["hops"]} == {"history"}


@pytest.mark.reason("directory.calls_running_out")
async def test_people_hear_before_a_months_calls_run_out(admin: World) -> None:
    """On the Operations page and with the connection; of an account whose system has no such limit nothing is said."""
    path = await admin.company()
    for account in (await admin.call("GET", path))["accounts"]:
        await admin.age(
            "INSERT INTO vault.calls (company_id, account_id, month, metered) VALUES "
            f"('{path.rsplit('/', 1)[-1]}', '{account['account_id']}', date_trunc('month', now() AT TIME ZONE 'UTC'), 9999999)"
        )
    found = {c["system"]: c for c in (await admin.call("GET", f"{path}/operations"))["connections"]}
    assert (found["quickbooks"]["warning"], found["linarc"]["warning"]) == ("calls_running_out", "")
    assert datetime.fromisoformat(found["quickbooks"]["lasts_until"]) <= datetime.now(UTC)
    assert (found["quickbooks"]["left"], found["linarc"]["lasts_until"]) == (0, None)
    shown = {a["system"]: a for a in await admin.call("GET", f"{path}/accounts")}
    assert "QuickBooks Online allows this month will run out" in shown["quickbooks"]["warning_text"]


async def test_a_service_that_does_not_answer_is_named_and_the_rest_is_shown(admin: World) -> None:
    path = await admin.company()
    admin.away()
    found = await admin.call("GET", f"{path}/operations")
    assert found["unanswered"] == ["mapper"] and found["results"] is not None


async def test_a_dead_letter_is_handled_again_and_then_gone(admin: World) -> None:
    path = await admin.company()
    await admin.staged(path)
    company = UUID(path.rsplit("/", 1)[-1])
    record = await _dead(admin.history, company, await _source(admin, path))
    letters = f"{path}/dead-letters"
    (one,) = (await admin.call("GET", letters))["items"]
    assert (one["service"], one["id"], one["type"], one["replayable"]) == (
        "history", LETTER, "employee.staged", True,
    )  # fmt: skip
    assert (await admin.call("GET", f"{path}/operations"))["dead_letters"] == 1
    await admin.call("GET", f"{path}/records/{record}", expected=404)
    answer = await admin.call("POST", f"{letters}/history/{LETTER}/replay")
    assert answer == {"handled": True, "detail": ""}
    assert (await admin.call("GET", f"{path}/records/{record}"))["name"] == "Quill"
    assert (await admin.call("GET", letters))["items"] == []
    await admin.call("POST", f"{letters}/history/{LETTER}/replay", expected=404)
    (entry,) = (await admin.call("GET", f"{path}/audit", params={"action": "dead_letter.replayed"}))["items"]
    assert entry["subject"] == f"history/{LETTER}"


async def test_what_fails_again_stays_and_says_where(admin: World) -> None:
    path = await admin.company()
    company = UUID(path.rsplit("/", 1)[-1])
    await _dead(admin.history, company, await _source(admin, path), body=b'{"record_id": 1}')
    answer = await admin.call("POST", f"{path}/dead-letters/history/{LETTER}/replay")
    assert not answer["handled"] and answer["detail"]
    assert len((await admin.call("GET", f"{path}/dead-letters"))["items"]) == 1


@pytest.mark.parametrize("hide_from_operators", [True])
async def test_operators_look_masked_and_only_administrators_settle(admin: World) -> None:
    path = await admin.company()
    company = UUID(path.rsplit("/", 1)[-1])
    await _dead(admin.mapper, company, await _source(admin, path))
    one = f"{path}/dead-letters/mapper/{LETTER}"
    viewer, operator = await _as(admin, path, "viewer"), await _as(admin, path, "operator")
    assert (await admin.http.get(one, headers=viewer)).status_code == 403
    seen = (await admin.http.get(one, headers=operator)).json()
    assert seen["body"]["employee"] == {"last_name": "Quill"} and seen["hidden"] == ["birth_date"]
    whole: dict[str, Any] = await admin.call("GET", one)
    assert whole["body"]["employee"]["birth_date"] == "1961-07-29" and whole["hidden"] == []
    why = {"reason": "The record was deleted."}
    assert (await admin.http.post(f"{one}/discard", json=why, headers=operator)).status_code == 403
    await admin.call("POST", f"{one}/discard", json=why, expected=204)
    await admin.call("POST", f"{one}/discard", json=why, expected=404)
    assert (await admin.call("GET", f"{path}/dead-letters"))["items"] == []
    (entry,) = (await admin.call("GET", f"{path}/audit", params={"action": "dead_letter.discarded"}))["items"]
    assert entry["detail"] == "The record was deleted."


async def test_another_companys_dead_letters_are_not_there(admin: World) -> None:
    path, other = await admin.company(), await admin.company()
    await _dead(admin.history, UUID(path.rsplit("/", 1)[-1]), await _source(admin, path))
    assert (await admin.call("GET", f"{other}/dead-letters"))["items"] == []
    await admin.call("GET", f"{other}/dead-letters/history/{LETTER}", expected=404)
    await admin.call("POST", f"{other}/dead-letters/history/{LETTER}/replay", expected=404)
    body = {"reason": "x"}
    await admin.call("POST", f"{other}/dead-letters/history/{LETTER}/discard", json=body, expected=404)


async def test_the_operator_of_the_installation_sees_counts_of_all_companies_and_no_person(
    admin: World,
) -> None:
    path = await admin.company()
    await admin.staged(path, "Zacharias")
    await _dead(admin.syncer, UUID(path.rsplit("/", 1)[-1]), await _source(admin, path))
    await _whole(admin, path)
    answer = await admin.http.get("/v1/installation")
    (company,) = answer.json()["companies"]
    assert company["counts"] == {"needs_sync": 1} and company["dead_letters"] == 1
    assert "Zacharias" not in answer.text and "Quill" not in answer.text
    key = await _as(admin, path, "admin")
    async with admin.elsewhere("192.0.2.9") as http:
        assert (await http.get("/v1/installation", headers=key)).status_code == 403


async def test_an_operator_of_the_installation_sees_the_counts_and_nothing_else(admin: World) -> None:
    """One who had no account sets a password by the link; nothing about a company or its people is open to them."""
    path = await admin.company()
    await admin.staged(path, "Zacharias")
    body = {"email": "Olga@muster.example", "role": "operator", "name": "Olga"}
    made = await admin.call("POST", "/v1/installation/people", json=body, expected=201)
    assert (made["email"], made["role"]) == ("olga@muster.example", "operator")
    token, password = made["link"].rpartition("/reset/")[2], {"password": "long enough, this"}
    async with admin.elsewhere("192.0.2.9") as olga:
        assert (await olga.post(f"/v1/password-resets/{token}", json=password)).status_code == 204
        assert (await olga.post("/v1/session", json={"email": body["email"], **password})).status_code == 201
        me = (await olga.get("/v1/session")).json()
        assert (me["installation"], me["companies"]) == ("operator", [])
        answer = await olga.get("/v1/installation")
        assert answer.json()["companies"][0]["counts"] == {"needs_sync": 1}
        assert "Zacharias" not in answer.text and EMAIL not in answer.text
        for hidden in ("/v1/audit", "/v1/installation/people"):
            assert (await olga.get(hidden)).status_code == 403
        assert (await olga.get(f"{path}/records")).status_code == 404
        await admin.call("DELETE", f"/v1/installation/people/{made['user_id']}", expected=204)
        assert (await olga.get("/v1/installation")).status_code == 403
    log = (await admin.call("GET", "/v1/audit", params={"action": "role.changed"}))["items"]
    assert [e["detail"] for e in log if e["subject"] == f"user:{made['user_id']}"] == ["none", "operator"]


async def test_this_muster_keeps_an_administrator(admin: World) -> None:
    (me,) = (await admin.call("GET", "/v1/installation/people"))["items"]
    assert (me["email"], me["role"]) == (EMAIL, "admin")
    less = {"email": EMAIL, "role": "operator"}
    await admin.call("POST", "/v1/installation/people", json=less, expected=409)
    await admin.call("DELETE", f"/v1/installation/people/{me['user_id']}", expected=409)
    await admin.call("DELETE", f"/v1/installation/people/{uuid4()}", expected=404)
    other = {"email": "bo@muster.example", "role": "admin"}
    await admin.call("POST", "/v1/installation/people", json=other, expected=201)
    made = await admin.call("POST", "/v1/installation/people", json=less, expected=201)
    assert (made["role"], made["link"]) == ("operator", None)
    await admin.call("GET", "/v1/installation/people", expected=403)
