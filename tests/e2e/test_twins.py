"""Somebody is entered by hand at the destination, seconds before the same person is pushed there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from muster.sandboxes import REALMS, TENANTS
from tests.support.fleet import Fleet

pytestmark = pytest.mark.usefixtures("no_faults_left")

LINARC = {"first_name": "Nell", "last_name": "Farraday", "employee_number": "7501"}
QUICKBOOKS = {
    "GivenName": "Nelly",
    "FamilyName": "Farraday",
    "DisplayName": "Nelly Farraday",
    "EmployeeNumber": "7501",
}


async def _enter(fleet: Fleet, number: int, system: str, person: dict[str, Any]) -> str:
    """A person who appears in one system without a hint to anybody; the remote id."""
    scope = {"linarc": TENANTS, "quickbooks": REALMS}[system][number]
    url = f"{fleet.stack.urls[f'sandbox_{system}']}/admin/seed"
    (await fleet.http.post(url, params={"scope": scope}, json={"employees": [person]})).raise_for_status()
    (there,) = await _numbered(fleet, number, system)
    return there


async def _numbered(fleet: Fleet, number: int, system: str) -> list[str]:
    """The remote ids of all who have the number 7501 in one system."""
    scope = {"linarc": TENANTS, "quickbooks": REALMS}[system][number]
    field, key = {"linarc": ("employee_number", "id"), "quickbooks": ("EmployeeNumber", "Id")}[system]
    url = f"{fleet.stack.urls[f'sandbox_{system}']}/admin/employees"
    page = (await fleet.http.get(url, params={"scope": scope, "limit": 5000})).json()
    return [str(e[key]) for e in page["employees"] if e.get(field) == "7501"]


async def test_nobody_is_created_whom_quickbooks_has_got_seconds_ago(fleet: Fleet) -> None:
    """QuickBooks' directory was read a moment before; it is asked again all the same."""
    there = await _enter(fleet, 0, "quickbooks", QUICKBOOKS)
    remote = await fleet.hire(**LINARC)
    record = await fleet.becomes(remote, "needs_sync", reason="not_pushed")

    await fleet.push(record["record_id"])
    synced = await fleet.becomes(remote, "synced")

    assert [there] == await _numbered(fleet, 0, "quickbooks")
    assert synced["destination_remote_id"] == there


async def test_nobody_is_created_whom_linarc_has_got_seconds_ago(fleet: Fleet) -> None:
    """The same in the other direction."""
    other = replace(fleet, access=replace(fleet.access, companies=fleet.access.companies[1:]))
    there = await _enter(other, 1, "linarc", LINARC)
    remote = await _enter(other, 1, "quickbooks", QUICKBOOKS)
    await other.tell(remote)
    record = await other.becomes(remote, "needs_sync", reason="not_pushed")

    await other.push(record["record_id"])
    synced = await other.becomes(remote, "synced")

    assert [there] == await _numbered(other, 1, "linarc")
    assert synced["destination_remote_id"] == there
