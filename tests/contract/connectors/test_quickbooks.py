"""What only QuickBooks has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.connectors.oauth import revoke
from shared.connectors.ports import Write
from shared.domain.reasons import CONNECTIONS, REASONS
from shared.errors import Conflict, Rejected, Unauthorized, Unavailable
from shared.systems.quickbooks import PAYROLL
from tests.support.systems import COMPANY, OTHER_SCOPE, Side, directory, outcome, read, send

ANA = {"first_name": "Ana", "last_name": "Li"}
CODES = {
    "100": "unauthorized",
    "120": "unauthorized",
    "3200": "unauthorized",
    "3100": "unauthorized",
    "3001": "rate_limited",
    "500": "unavailable",
    "600": "outcome_unknown",
    "610": "deleted_at_destination",
    "1040": "internal",
    "1050": "internal",
    "2010": "unsupported_field",
    "2020": "missing_value",
    "2030": "deleted_at_destination",
    "2040": "invalid_name",
    "2050": "text_too_long",
    "2090": "invalid_value",
    "2170": "invalid_value",
    "2210": "invalid_email",
    "2500": "invalid_value",
    "4000": "internal",
    "4001": "internal",
    "5010": "stale",
    "5020": "not_permitted",
    "5030": "not_available",
    "6000": "refused",
    "6080": "missing_name",
    "6190": "subscription_lapsed",
    "6240": "duplicate_name",
    "9999": "refused",
    "10000": "outcome_unknown",
}


@pytest.mark.reason(
    "not_available",
    "unavailable",
    "rate_limited",
    "unauthorized",
    "stale",
    "outcome_unknown",
    "internal",
    "refused",
    "not_permitted",
    "subscription_lapsed",
    "unsupported_field",
    "invalid_value",
    "duplicate_name",
)
@pytest.mark.parametrize("status", [None, 200])
async def test_every_code_has_its_reason_in_a_refusal_and_inside_a_good_answer(
    qbo: Side, status: int | None
) -> None:
    for code, reason in CODES.items():
        rule = {"match": {"operation": "create"}, "action": "fault", "code": code}
        await qbo.faults({**rule, **({"status": status} if status else {})})
        error = await outcome(qbo.connector(), Write("create", "i", ANA), f"key-{code}")
        assert error is not None, code
        assert error.reason == reason, code
        assert REASONS[error.reason].fix
        await qbo.recover()


@pytest.mark.parametrize(
    ("code", "kind"), [("6240", Rejected), ("5010", Conflict), ("10000", Unavailable), ("9999", Rejected)]
)
async def test_a_batch_has_an_outcome_for_each_item(qbo: Side, code: str, kind: type[Exception]) -> None:
    await qbo.faults({"match": {"operation": "create", "every": 3}, "action": "fault", "code": code})
    writes = [Write("create", f"item-{n}", {"first_name": f"P{n}", "last_name": "Li"}) for n in range(30)]
    written = await send(qbo.connector(), "key-1", *writes)
    assert [w.push_id for w in written] == [f"item-{n}" for n in range(30)]
    for n, one in enumerate(written, 1):
        if n % 3:
            assert one.remote is not None and one.remote.employee.first_name == f"P{n - 1}"
        else:
            assert isinstance(one.error, kind)


async def test_a_name_that_a_vendor_has_needs_a_person(qbo: Side) -> None:
    await qbo.seed([{"DisplayName": "Ana Li", "GivenName": "Ana", "FamilyName": "Li"}], list="Vendor")
    (written,) = await send(qbo.connector(), "key-1", Write("create", "i", ANA))
    assert isinstance(written.error, Rejected)
    assert (written.error.reason, written.error.field) == ("duplicate_name", "display_name")


async def test_names_of_customers_and_vendors_are_read_by_calls_of_their_own(qbo: Side) -> None:
    people = [{"DisplayName": f"Vendor {n}"} for n in range(1001)]
    ids = await qbo.seed(people, list="Vendor")
    await qbo.seed([{"DisplayName": "Harrow Homes"}], list="Customer")
    connector = qbo.connector()
    first = await connector.read_names("vendor", None)
    assert first is not None and first.cursor is not None
    second = await connector.read_names("vendor", first.cursor)
    assert second is not None and second.cursor is None
    found = [*first.names, *second.names]
    assert [one.remote_id for one in found][-1001:] == ids
    assert (found[-1001].kind, found[-1001].name, found[-1001].active) == ("vendor", "Vendor 0", True)
    since = qbo.clock.now() - timedelta(minutes=5)
    changed = await connector.read_names("customer", None, since=since)
    assert changed is not None and changed.names[-1].name == "Harrow Homes"
    assert await connector.read_names("vendor", None, since=since) is None, "more than one answer holds"
    assert await connector.read_names("vendor", None, since=qbo.clock.now() - timedelta(days=31)) is None, (
        "too long ago"
    )


async def test_who_was_merged_away_is_reported_as_gone(qbo: Side) -> None:
    ids = await qbo.seed([qbo.person(f"P{n}", "Li") for n in range(3)])
    connector = qbo.connector()
    await qbo.merge_away(ids[1])
    page = await connector.read_page(None, since=qbo.clock.now() - timedelta(minutes=5))
    assert list(page.gone) == [ids[1]]
    assert ids[1] not in {raw.remote_id for raw in page.records}


async def test_more_changes_than_one_answer_holds_are_all_read(qbo: Side) -> None:
    ids = await qbo.seed([qbo.person(f"P{n}", "Li") for n in range(1200)])
    connector, cursor, found = qbo.connector(), None, list[str]()
    since = qbo.clock.now() - timedelta(minutes=5)
    while True:
        page = await connector.read_page(cursor, since=since)
        found += [raw.remote_id for raw in page.records]
        if (cursor := page.cursor) is None:
            break
    assert found == ids
    assert (await qbo.calls())["cdc"] == 1


async def test_changes_of_more_than_thirty_days_are_read(qbo: Side) -> None:
    ids = await qbo.seed([qbo.person("Ana", "Li")])
    page = await qbo.connector().read_page(None, since=qbo.clock.now() - timedelta(days=40))
    assert [raw.remote_id for raw in page.records] == ids


async def test_payroll_is_noticed_and_its_rules_are_kept(qbo: Side) -> None:
    address = {"City": "Mill", "CountrySubDivisionCode": "OR", "PostalCode": "97009", "Line1": "1 Row"}
    rich = {"Title": "Dr.", "Suffix": "II", "BillRate": 9, "SSN": "123-45-6789", "PrimaryAddr": address}
    (remote_id,) = await qbo.seed([{**qbo.person("Ilse", "Marrow"), **rich}])
    await qbo.company(payroll=True)
    assert (await qbo.connector().test()).features == (PAYROLL,)
    connector = qbo.connector(PAYROLL)
    current = await read(connector, remote_id)
    (written,) = await send(connector, "key-1", Write("update", "i", {"last_name": "Vane"}, current))
    assert written.remote is not None, written.error
    assert written.remote.employee.last_name == "Vane"
    (refused,) = await send(connector, "key-2", Write("create", "i", ANA))
    assert isinstance(refused.error, Rejected)
    assert refused.error.reason == "missing_value"


async def test_an_access_token_that_ends_in_mid_read_is_replaced_on_the_way(qbo: Side) -> None:
    await qbo.seed([qbo.person(f"P{n}", "Li") for n in range(2500)])
    connector = qbo.connector()
    page = await connector.read_page(None)
    await qbo.admin_post("/tokens/expire", kind="access")
    rest = [page]
    while rest[-1].cursor:
        rest.append(await connector.read_page(rest[-1].cursor))
    assert sum(len(p.records) for p in rest) == 2500


@pytest.mark.parametrize("shape", ["xml", "service", "403"])
async def test_another_companys_token_is_distinguished_from_a_dead_one(qbo: Side, shape: str) -> None:
    await qbo.switch(wrong_company_shape=shape)
    await qbo.connect(OTHER_SCOPE)
    with pytest.raises(Unauthorized) as caught:
        await qbo.connector().test()
    (health,) = await qbo.vault.health(COMPANY)
    assert caught.value.state == health.state == "wrong_company"
    assert CONNECTIONS[health.state].fix


async def test_revoking_ends_the_tokens_over_there(qbo: Side) -> None:
    connector = qbo.connector()
    await connector.test()
    credential = await qbo.vault.load(COMPANY, qbo.account.account_id)
    assert credential.reconnect_by is not None
    http = qbo.http()
    await revoke(http, credential)
    await revoke(http, credential)
    await http.close()
    with pytest.raises(Unauthorized):
        await connector.test()


async def test_pages_hold_everybody_while_people_are_merged_away(qbo: Side) -> None:
    ids = await qbo.seed([qbo.person(f"P{n}", "Li") for n in range(2100)])
    connector = qbo.connector()
    first = await connector.read_page(None)
    for gone in ids[3:6]:
        await qbo.merge_away(gone)
    found = {raw.remote_id for raw in first.records}
    cursor = first.cursor
    while cursor:
        page = await connector.read_page(cursor)
        found |= {raw.remote_id for raw in page.records}
        cursor = page.cursor
    assert found == set(ids)
    assert len(await directory(connector)) == 2097


PARTS = {"Title": "Ms.", "GivenName": "Zoë", "MiddleName": "Ada", "FamilyName": "Pike"}
MOVES = {
    "Ms. Zoë Ada Pike": "Ms. Zoë Ada Moor",
    "Zoë Pike": "Zoë Moor",
    "Ms. Zoë Pike": "Ms. Zoë Moor",
    "Zoë Ada Pike": "Zoë Ada Moor",
    "Pike, Zoë Ada": "Moor, Zoë Ada",
    "Zed": "Zed",
    "Zoë Pike (yard)": "Zoë Pike (yard)",
}
"""Display names that a rule made of some of the parts, or that somebody chose, before and after a new last name."""


@pytest.mark.parametrize("shown", MOVES)
@pytest.mark.parametrize("check", ["as shown", "Z. Pike"])
async def test_a_rename_moves_a_name_made_of_some_of_its_parts_and_keeps_a_chosen_one(
    qbo: Side, shown: str, check: str
) -> None:
    """The name on checks goes with the display name that it equalled."""
    on_check = shown if check == "as shown" else check
    (there,) = await qbo.seed([{**PARTS, "DisplayName": shown, "PrintOnCheckName": on_check}])
    connector = qbo.connector()
    assert (await read(connector, there)).employee.display_name == shown

    current = await read(connector, there)
    (written,) = await send(connector, "key-1", Write("update", "i", {"last_name": "Moor"}, current))

    assert written.error is None
    row = (await qbo.rows())[there]
    assert (row["FamilyName"], row["DisplayName"]) == ("Moor", MOVES[shown])
    assert row["PrintOnCheckName"] == (MOVES[shown] if check == "as shown" else check)


async def test_a_name_that_is_not_made_of_its_parts_survives_an_update_of_something_else(qbo: Side) -> None:
    (there,) = await qbo.seed([{**PARTS, "DisplayName": "Zed", "PrintOnCheckName": "Z. Pike"}])
    connector = qbo.connector()
    write = Write("update", "i", {"number": "N-7"}, await read(connector, there))
    (written,) = await send(connector, "key-1", write)
    assert written.error is None
    row = (await qbo.rows())[there]
    names = (row["DisplayName"], row["PrintOnCheckName"], row["GivenName"], row["EmployeeNumber"])
    assert names == ("Zed", "Z. Pike", "Zoë", "N-7")


async def test_somebody_is_found_with_another_apostrophe_and_without_the_middle_name(qbo: Side) -> None:
    (remote, _) = await qbo.seed([qbo.person("Bo", "O\u2019Hara"), qbo.person("Ana", "Li")])
    await qbo.edit(remote, DisplayName="Bo Quill O\u2019Hara")
    for text in ("o'hara", "O\u2019Hara", "bo o'hara"):
        found = await qbo.connector().browse(text, None, 10)
        assert ([raw.remote_id for raw in found.records], found.total) == ([remote], 1), text
