"""Change data capture of the QuickBooks stand-in."""

from typing import Any

import pytest

from tests.unit.sandbox.conftest import BASE, QuickBooks, code

DAY = 24 * 3600


async def changes(qbo: QuickBooks, entities: str, since: str) -> list[dict[str, Any]]:
    asked = {"entities": entities, "changedSince": since}
    answer = (await qbo.http.get(f"{BASE}/cdc", params=asked)).json()
    return list(answer["CDCResponse"][0]["QueryResponse"])


async def test_cdc_answers_whole_objects_and_nothing_for_a_quiet_list(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana")
    employees, vendors = await changes(qbo, "employee, Vendor", "2026-11-23T00:00:00")
    assert (employees["totalCount"], employees["Employee"][0]["GivenName"], vendors) == (1, "Ana", {})
    await qbo.http.post(
        "/admin/seed", params={"list": "Vendor"}, json={"employees": [{"DisplayName": "Bolt & Co"}]}
    )
    assert (await changes(qbo, "Vendor", "2026-11-23"))[0]["Vendor"][0]["DisplayName"] == "Bolt & Co"


async def test_a_time_without_an_offset_is_company_time(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana")
    assert await changes(qbo, "Employee", "2026-11-23T03:07:32") == [{}]
    assert await changes(qbo, "Employee", "2026-11-23T11:07:32Z") == [{}]
    assert await changes(qbo, "Employee", "2026-11-23T11:07:31+00:00") != [{}]


async def test_deactivated_people_are_whole_and_merged_ones_are_stubs_behind_them(qbo: QuickBooks) -> None:
    for name in ("Ana", "Bea", "Cyd"):
        await qbo.create(GivenName=name)
    gone = {"Id": "2", "SyncToken": "0", "GivenName": "Bea", "Active": False}
    await qbo.post("/employee", gone)
    assert (await qbo.http.delete("/admin/employees/1")).status_code == 200
    (found,) = await changes(qbo, "Employee", "2026-11-23")
    assert [(e["Id"], e.get("Active"), e.get("status")) for e in found["Employee"]] == [
        ("2", False, None),
        ("3", True, None),
        ("1", None, "Deleted"),
    ]
    assert code(await qbo.http.get(f"{BASE}/employee/1")) == "610"
    assert (await qbo.create(GivenName="Dov"))["Id"] == "4"


async def test_the_last_id_is_not_given_again_after_a_merge(qbo: QuickBooks) -> None:
    await qbo.create(GivenName="Ana")
    await qbo.http.delete("/admin/employees/1")
    assert (await qbo.create(GivenName="Bea"))["Id"] == "2"


async def test_cdc_stops_at_a_thousand_objects(qbo: QuickBooks) -> None:
    people = [{"GivenName": f"P{n}"} for n in range(1003)]
    await qbo.http.post("/admin/seed", json={"employees": people})
    (found,) = await changes(qbo, "Employee", "2026-11-23")
    assert (len(found["Employee"]), found["totalCount"]) == (1000, 1000)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"entities": "Employee", "changedSince": "2026-10-24T03:07:30-08:00"}, "4001"),
        ({"entities": "Employee", "changedSince": "yesterday"}, "4001"),
        ({"entities": "TimeActivity", "changedSince": "2026-11-23"}, "4001"),
        ({"entities": "Employee,", "changedSince": "2026-11-23"}, "4001"),
        ({"entities": "Employee"}, "2020"),
        ({"changedSince": "2026-11-23"}, "2020"),
    ],
)
async def test_what_cdc_refuses(qbo: QuickBooks, asked: dict[str, str], expected: str) -> None:
    assert code(await qbo.http.get(f"{BASE}/cdc", params=asked)) == expected


async def test_thirty_days_back_may_be_asked(qbo: QuickBooks) -> None:
    assert await changes(qbo, "Employee", "2026-10-24T03:07:52-08:00") == [{}]
