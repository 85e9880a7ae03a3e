"""node-quickbooks, unmodified, against the sandbox over HTTP."""

from __future__ import annotations

import subprocess
from typing import Any

import httpx
import orjson
import pytest

from tests.support.node import COMPAT, node
from tests.support.sandboxes import starting

REALM = "9130350000000418"


def connected(address: str) -> str:
    """A refresh token, as the authorise page gives it."""
    asked = {"client_id": "app", "redirect_uri": "http://127.0.0.1:9/back", "response_type": "code"}
    form = {
        **asked,
        "scope": "com.intuit.quickbooks.accounting",
        "state": "s",
        "realm": REALM,
        "decision": "approve",
    }
    found = httpx.get(f"{address}/.well-known/openid_sandbox_configuration/").json()
    sent = httpx.URL(httpx.post(found["authorization_endpoint"], data=form).headers["location"])
    code = {
        "grant_type": "authorization_code",
        "code": sent.params["code"],
        "redirect_uri": asked["redirect_uri"],
    }
    answer = httpx.post(found["token_endpoint"], data=code, auth=("app", "hush")).raise_for_status()
    return str(answer.json()["refresh_token"])


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client got: tests/compat/node_quickbooks.mjs."""
    options = ("--realm", REALM, "--client-id", "app", "--client-secret", "hush", "--limits", "off")
    program = node()
    with starting(tmp_path_factory.mktemp("node-quickbooks")) as start:
        _, address = start("sandbox.quickbooks", *options)
        done = subprocess.run(
            [program, COMPAT / "node_quickbooks.mjs", address, REALM, connected(address)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def test_employees_are_created_read_and_updated(answers: dict[str, Any]) -> None:
    created, updated = answers["created"], answers["updated"]
    assert (created["SyncToken"], created["PrimaryPhone"]) == ("0", {"FreeFormNumber": "(503) 555-0142"})
    assert answers["read"] == created
    assert (updated["Id"], updated["SyncToken"], updated["MiddleName"]) == (created["Id"], "1", "O'Brien")
    assert (answers["stale"], answers["twice"], answers["missing"]) == ("5010", "6240", "610")


def test_employees_are_queried_and_counted(answers: dict[str, Any]) -> None:
    found = answers["found"]["QueryResponse"]
    assert [one["Id"] for one in found["Employee"]] == [answers["created"]["Id"]]
    everybody = len(answers["all"]["QueryResponse"]["Employee"])
    assert everybody == answers["counted"]["QueryResponse"]["totalCount"] >= 1
    assert answers["company"]["CompanyName"]


def test_a_batch_answers_each_item(answers: dict[str, Any]) -> None:
    items = {one["bId"]: one for one in answers["batch"]["BatchItemResponse"]}
    made = [n for n in "12" if "Employee" in items[n]]
    assert len(made) == 1
    (refused,) = set("12") - set(made)
    assert items[refused]["Fault"]["Error"][0]["code"] == "6240"
    assert items["3"]["Employee"]["Active"] is False
    assert [one["GivenName"] for one in items["4"]["QueryResponse"]["Employee"]] == ["Ada"]


def test_change_data_capture(answers: dict[str, Any]) -> None:
    people, _vendors = answers["changes"]["CDCResponse"][0]["QueryResponse"]
    by_name = {one["GivenName"]: one for one in people["Employee"]}
    assert (by_name["Ottoline"]["Active"], by_name["Ada"]["Active"]) == (False, True)
