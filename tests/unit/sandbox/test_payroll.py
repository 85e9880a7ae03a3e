"""A company with QuickBooks Payroll."""

from typing import Any

import pytest
import pytest_asyncio

from tests.unit.sandbox.conftest import BASE, QuickBooks, code

HOME = {"City": "Harrowgate", "CountrySubDivisionCode": "CA", "PostalCode": "95814"}


@pytest_asyncio.fixture
async def payroll(qbo: QuickBooks) -> QuickBooks:
    await qbo.http.put("/admin/company", json={"payroll": True})
    return qbo


async def test_the_shown_name_is_computed_and_none_is_printed_on_cheques(payroll: QuickBooks) -> None:
    made = await payroll.create(
        GivenName="Teodor", MiddleName="Isak", FamilyName="Quennell", DisplayName="Teo", PrimaryAddr=HOME
    )
    assert made["DisplayName"] == "Teodor Isak Quennell"
    assert "PrintOnCheckName" not in made
    changed = {**made, "FamilyName": "Quill"}
    answer = (await payroll.post("/employee", changed)).json()["Employee"]
    assert answer["DisplayName"] == "Teodor Isak Quill"


@pytest.mark.parametrize(
    ("fields", "expected", "element"),
    [
        ({"SSN": "123-45-6789"}, "2010", "SSN"),
        ({"Title": "Mr."}, "2010", "Title"),
        ({"Suffix": "II"}, "2010", "Suffix"),
        ({"BillRate": 92.5}, "2010", "BillRate"),
        ({"PrintOnCheckName": "T. Quennell"}, "2010", "PrintOnCheckName"),
        ({"PrimaryAddr": None}, "2020", "PrimaryAddr.City"),
        (
            {"PrimaryAddr": {"City": "Harrowgate", "PostalCode": "1"}},
            "2020",
            "PrimaryAddr.CountrySubDivisionCode",
        ),
        ({"PrimaryAddr": {**HOME, "PostalCode": ""}}, "2020", "PrimaryAddr.PostalCode"),
    ],
)
async def test_what_payroll_refuses(
    payroll: QuickBooks, fields: dict[str, Any], expected: str, element: str
) -> None:
    answer = await payroll.post("/employee", {"GivenName": "Teodor", "PrimaryAddr": HOME, **fields})
    assert code(answer) == expected
    assert answer.json()["Fault"]["Error"][0]["element"] == element
    await payroll.http.put("/admin/company", json={"payroll": False})
    assert (await payroll.post("/employee", {"GivenName": "Teodor", **fields})).status_code == 200


async def test_a_person_without_an_address_can_be_read_and_not_updated(payroll: QuickBooks) -> None:
    await payroll.http.post("/admin/seed", json={"employees": [{"GivenName": "Ana"}]})
    found = (await payroll.http.get(f"{BASE}/employee/1")).json()["Employee"]
    del found["PrintOnCheckName"]
    assert code(await payroll.post("/employee", found)) == "2020"
