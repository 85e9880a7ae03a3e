"""python-quickbooks and intuit-oauth, unmodified, against the sandbox over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks
from quickbooks.batch import batch_create, batch_update
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import (
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    UnsupportedException,
    ValidationException,
)
from quickbooks.objects import Customer, Vendor
from quickbooks.objects.base import Address, EmailAddress, PhoneNumber
from quickbooks.objects.employee import Employee

from tests.support.sandboxes import starting

REALM = "9130350000000417"
BACK = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("python-quickbooks")
    options = ("--realm", REALM, "--client-id", "app", "--client-secret", "hush", "--limits", "off")
    with starting(folder) as start, pytest.MonkeyPatch.context() as patch:
        _, address = start("sandbox.quickbooks", *options)
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        patch.setattr(QuickBooks, "api_url_v3", f"{address}/v3")
        yield address


@pytest.fixture(scope="module")
def auth(base: str) -> Iterator[AuthClient]:
    """Connected through the authorise page, as a person would."""
    client = AuthClient("app", "hush", BACK, f"{base}/.well-known/openid_sandbox_configuration/")
    asked = httpx.URL(client.get_authorization_url([Scopes.ACCOUNTING]))
    shown = httpx.get(asked)
    assert "Approve" in shown.text
    form = {**asked.params, "realm": REALM, "decision": "approve"}
    sent = httpx.URL(httpx.post(asked.copy_with(query=None), data=form).headers["location"])
    assert sent.params["state"] == client.state_token
    client.get_bearer_token(sent.params["code"], realm_id=sent.params["realmId"])
    yield client
    client.close()


@pytest.fixture(scope="module")
def qb(auth: AuthClient) -> Iterator[QuickBooks]:
    client = QuickBooks(
        auth_client=auth, refresh_token=auth.refresh_token, company_id=auth.realm_id, minorversion=75
    )
    yield client
    client.session.close()


def person(name: str, **fields: Any) -> Employee:
    found = Employee()
    found.GivenName, found.FamilyName = name, f"Pike-{uuid4().hex[:8]}"
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def test_create_read_update_and_deactivate(qb: QuickBooks) -> None:
    made = person("Ottoline", SSN="123-45-6789", HiredDate="2024-03-04")
    made.PrimaryAddr = Address()
    made.PrimaryAddr.City = "Millbridge"
    made.PrimaryPhone = PhoneNumber()
    made.PrimaryPhone.FreeFormNumber = "(503) 555-0142"
    made.PrimaryEmailAddr = EmailAddress()
    made.PrimaryEmailAddr.Address = "o@stonecourse.example"
    made = made.save(qb=qb)
    assert (made.SyncToken, made.SSN) == ("0", "XXX-XX-XXXX")
    read = Employee.get(made.Id, qb=qb)
    assert (read.DisplayName, str(read.PrimaryAddr.City)) == (f"Ottoline {made.FamilyName}", "Millbridge")
    read.Title = "Ms."
    read = read.save(qb=qb)
    assert Employee.get(made.Id, qb=qb).SyncToken == "1"
    with pytest.raises(QuickbooksException) as stale:
        made.save(qb=qb)
    assert stale.value.error_code == 5010
    read.Active = False
    read.save(qb=qb)
    assert Employee.get(made.Id, qb=qb).DisplayName.endswith("(deleted)")


def test_queries_pages_and_counts(qb: QuickBooks) -> None:
    family = f"O'Brien {uuid4().hex[:6]} é😀"
    for n in range(5):
        person(f"P{n}", FamilyName=family).save(qb=qb)
    found = Employee.filter(FamilyName=family, order_by="GivenName DESC", qb=qb)
    assert [one.GivenName for one in found] == ["P4", "P3", "P2", "P1", "P0"]
    page = Employee.filter(
        FamilyName=family, start_position=2, max_results=2, order_by="MetaData.CreateTime", qb=qb
    )
    assert [one.GivenName for one in page] == ["P1", "P2"]
    before = Employee.count(qb=qb)
    gone = found[0]
    gone.Active = False
    gone.save(qb=qb)
    assert Employee.count(qb=qb) == before - 1
    assert Employee.choose([gone.Id, found[1].Id], field="Id", qb=qb)[0].Id == found[1].Id
    assert len(Employee.where("Active IN (true, false) AND GivenName LIKE 'P%'", qb=qb)) >= 5
    with pytest.raises(ValidationException) as refused:
        Employee.where("PrimaryEmailAddr = 'x'", qb=qb)
    assert refused.value.error_code == 4001
    assert [v.DisplayName for v in Vendor.filter(DisplayName="ottoline vassbakk", qb=qb)]
    assert len(Customer.all(qb=qb)) == 4


def test_batches_of_more_than_thirty_with_faults_in_between(qb: QuickBooks) -> None:
    people = [person(f"B{n}") for n in range(34)]
    twin = person("B0", FamilyName=people[0].FamilyName)
    done = batch_create([*people, twin], qb=qb)
    assert (len(done.successes), len(done.faults)) == (34, 1)
    assert done.faults[0].original_object is twin
    assert done.faults[0].Error[0].code == "6240"
    assert {one.GivenName for one in done.successes} == {f"B{n}" for n in range(34)}
    for one in done.successes:
        one.Title = "Mx."
    done.successes[0].SyncToken = "7"
    changed = batch_update(done.successes, qb=qb)
    assert (len(changed.successes), changed.faults[0].Error[0].code) == (33, "5010")


def test_change_data_capture(qb: QuickBooks, base: str) -> None:
    ours = timezone(timedelta(hours=-8))
    since = datetime.now(ours).replace(tzinfo=None) - timedelta(seconds=2)
    made = person("Cyd")
    made.save(qb=qb)
    merged = person("Dov")
    merged.save(qb=qb)
    httpx.delete(f"{base}/admin/employees/{merged.Id}").raise_for_status()
    found = change_data_capture([Employee, Vendor], since, qb=qb)
    by_id = {one.Id: one for one in found.Employee._object_list}
    assert by_id[made.Id].GivenName == "Cyd"
    assert (by_id[merged.Id].status, by_id[merged.Id].GivenName) == ("Deleted", "")
    with pytest.raises(ValidationException):
        change_data_capture([Employee], "2026-01-01", qb=qb)


def test_the_same_request_id_creates_once(qb: QuickBooks) -> None:
    key = uuid4().hex
    first, again = person("Eli"), person("Somebody else")
    first.save(qb=qb, request_id=key)
    second = again.save(qb=qb, request_id=key)
    assert (second.Id, second.GivenName) == (first.Id, "Eli")


def test_errors_are_what_the_client_expects(qb: QuickBooks, base: str) -> None:
    with pytest.raises(ObjectNotFoundException):
        Employee.get("999999", qb=qb)
    with pytest.raises(ValidationException) as nameless:
        Employee().save(qb=qb)
    assert nameless.value.error_code == 2020
    some = person("Fay")
    some.save(qb=qb)
    with pytest.raises(UnsupportedException):
        qb.delete_object("Employee", some.to_json())
    rule = {"action": "status", "status": 429, "shape": "json", "count": 1}
    httpx.put(f"{base}/admin/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(ValidationException) as throttled:
        Employee.count(qb=qb)
    assert throttled.value.error_code == 3001


def test_a_dead_token_is_refreshed_and_revoked_by_intuits_own_client(
    auth: AuthClient, qb: QuickBooks, base: str
) -> None:
    httpx.post(f"{base}/admin/tokens/expire").raise_for_status()
    with pytest.raises(AuthorizationException):
        Employee.count(qb=qb)
    old = auth.refresh_token
    auth.refresh()
    assert auth.refresh_token != old
    fresh = QuickBooks(auth_client=auth, refresh_token=auth.refresh_token, company_id=REALM, minorversion=75)
    assert Employee.count(qb=fresh) > 0
    with pytest.raises(AuthClientError) as dead:
        auth.refresh(refresh_token=old)
    assert dead.value.status_code == 400
    assert auth.revoke() is True
    with pytest.raises(AuthorizationException):
        Employee.count(qb=fresh)
    fresh.session.close()
    assert requests.get(f"{base}/v3/company/{REALM}/companyinfo/{REALM}", timeout=5).status_code == 401
