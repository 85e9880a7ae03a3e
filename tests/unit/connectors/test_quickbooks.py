"""QuickBooks' wire format, its batches and its many ways to refuse."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.quickbooks.query import parse as parse_query
from shared.clock import SystemClock
from shared.connectors.client import raw_record
from shared.connectors.ports import RawRecord, Write
from shared.connectors.quickbooks import PAGE, QuickBooks, literal
from shared.connectors.quickbooks import wire as qbo_wire
from shared.connectors.quickbooks.answers import TooLarge
from shared.connectors.quickbooks.paging import Place
from shared.domain.employee import Remote, Unread
from shared.domain.reasons import REASONS
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from shared.systems.quickbooks import PAYROLL

from .conftest import REALM

if TYPE_CHECKING:
    from .conftest import World

TIME = "2026-11-23T03:05:13.377-08:00"
WIRE: dict[str, Any] = {
    "Id": "77",
    "SyncToken": "4",
    "domain": "QBO",
    "sparse": False,
    "V4IDPseudonym": "0020aa",
    "MetaData": {"CreateTime": "2026-02-09T08:14:22-08:00", "LastUpdatedTime": "2026-11-18T15:40:07-08:00"},
    "Title": "Dr.",
    "GivenName": "Ilse",
    "FamilyName": "Marrow",
    "DisplayName": "Dr. Ilse Marrow",
    "PrintOnCheckName": "I. Marrow",
    "Active": True,
    "Organization": False,
    "SSN": "XXX-XX-XXXX",
    "EmployeeNumber": "LN-7",
    "Gender": "Female",
    "HiredDate": "2024-03-04",
    "PrimaryAddr": {
        "Id": "9",
        "Line1": "1 Row",
        "Line3": "Back",
        "City": "Mill",
        "Lat": "INVALID",
        "Long": "INVALID",
    },
    "PrimaryPhone": {"FreeFormNumber": "(503) 555-0142"},
    "PrimaryEmailAddr": {"Address": "Ilse@Stone.example"},
    "BillableTime": False,
    "BillRate": 92.5,
    "CostRate": 61,
}


def wire(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in {**orjson.loads(orjson.dumps(WIRE)), **changes}.items() if v is not ...}


def remote(qbo: World, **changes: Any) -> Remote:
    found = qbo.quickbooks().parse(raw_record(wire(**changes), "Id"))
    assert isinstance(found, Remote)
    return found


def update(qbo: World, fields: dict[str, object], **changes: Any) -> dict[str, Any]:
    """The body that an update of the wire record sends."""
    call = qbo.quickbooks().prepare("k", [Write("update", "i", fields, remote(qbo, **changes))])
    return dict(orjson.loads(call.body))


def fault(code: str, element: str | None = "", detail: str = "x") -> dict[str, Any]:
    error = {"Message": "m", "Detail": detail, "code": code, "element": element}
    return {"Fault": {"Error": [error], "type": "ValidationFault"}, "time": TIME}


def test_parse_reads_every_field_into_canonical_words(qbo: World) -> None:
    found = remote(qbo)
    person = found.employee
    assert (found.remote_id, found.version) == ("77", "4")
    assert found.updated_at == datetime(2026, 11, 18, 23, 40, 7, tzinfo=UTC)
    assert (person.honorific, person.first_name, person.last_name) == ("Dr.", "Ilse", "Marrow")
    assert (person.number, person.display_name, person.active) == ("LN-7", "Dr. Ilse Marrow", True)
    assert (person.email, person.phone) == ("Ilse@Stone.example", "(503) 555-0142")
    assert (person.bill_rate, person.cost_rate) == (Decimal("92.5"), Decimal(61))
    assert (person.hire_date, person.gender) == (date(2024, 3, 4), "Female")
    assert (person.address_line1, person.address_city) == ("1 Row", "Mill")


def test_what_quickbooks_leaves_out_is_null_and_what_it_cannot_carry_is_unknown(qbo: World) -> None:
    person = remote(qbo, PrimaryEmailAddr=..., PrimaryAddr=..., EmployeeNumber=..., BillRate=...).employee
    for name in ("email", "address_city", "number", "bill_rate", "middle_name", "end_date", "mobile"):
        assert person.known(name) and getattr(person, name) is None, name
    for name in ("title", "department", "permission_level", "pay_type", "state"):
        assert not person.known(name), name


@pytest.mark.parametrize(
    "payload",
    [
        b'{"Id":"1","GivenName":"a\\ud800b"}',
        b'{"Id":"1","GivenName":"a\\u0000b"}',
        b'{"Id":"1","GivenName":5}',
        b'{"Id":"1","DisplayName":"' + b"x" * 6_000 + b'"}',
        b'{"Id":"1"',
        b"[]",
        b"\xff",
    ],
)
def test_what_cannot_be_read_is_said_not_raised(qbo: World, payload: bytes) -> None:
    found = qbo.quickbooks().parse(RawRecord("1", payload, b""))
    assert isinstance(found, Unread)
    assert (found.remote_id, found.reason) == ("1", "unreadable")


UNREAD: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "a name of 6,000 characters": ({"GivenName": "x" * 6_000}, {("first_name", "too_long")}),
    "a number of 900 kB": ({"EmployeeNumber": "7" * 900_000}, {("number", "too_long")}),
    "a telephone number of 900 kB": ({"Mobile": {"FreeFormNumber": "4" * 900_000}}, {("mobile", "too_long")}),
    "an address that is none": (
        {"PrimaryAddr": "x"},
        {(n, "unreadable") for n in qbo_wire.NESTED if n.startswith("address_")},
    ),
    "a date that is none": ({"HiredDate": "yesterday"}, {("hire_date", "unreadable")}),
    "text with NUL": ({"MiddleName": "a\0b"}, {("middle_name", "unreadable")}),
    "half a surrogate pair": ({"Suffix": "\ud800"}, {("suffix", "unreadable")}),
    "an amount that is none": ({"CostRate": "much"}, {("cost_rate", "unreadable")}),
    "an amount with too many places": ({"CostRate": 28.846153846153847}, {("cost_rate", "rounded")}),
    "NUL where nobody looks": ({"Unmapped": {"deep": ["a\0"]}}, set()),
    "a time that is none": ({"MetaData": {"LastUpdatedTime": 7}}, set()),
}


@pytest.mark.reason("note.too_long", "note.unreadable", "note.rounded")
@pytest.mark.parametrize(("values", "notes"), UNREAD.values(), ids=UNREAD)
def test_a_value_that_cannot_be_read_leaves_the_rest(
    values: dict[str, Any], notes: set[tuple[str, str]]
) -> None:
    """Its field is masked and noted, the others are there, and the payload can be kept and sent back."""
    reported = {"Id": "1", "GivenName": "Ilse", "FamilyName": "Marsh", "DisplayName": "Ilse Marsh"} | values
    found = qbo_wire.parse(raw_record(reported, "Id"))

    assert isinstance(found, Remote)
    assert notes == {(note.field, note.reason) for note in found.employee.notes}
    unread = {field for field, reason in notes if reason != "rounded"}
    assert unread == set(found.employee.masked)
    assert not any(found.employee.known(name) for name in unread)
    assert found.employee.last_name == "Marsh"
    assert "\\u0000" not in found.payload
    assert orjson.loads(found.payload)["FamilyName"] == "Marsh"
    assert ("cost_rate" in dict(notes)) == ("CostRate" in values)
    if notes == {("cost_rate", "rounded")}:
        assert str(found.employee.cost_rate) == "28.85"


def test_an_id_that_is_too_long_is_unreadable_under_a_name_that_stays() -> None:
    """Its page goes on."""
    one, again, other = (
        raw_record({"Id": i, "GivenName": "A"}, "Id") for i in ("7" * 900, "7" * 900, "7" * 901)
    )

    assert one.remote_id == again.remote_id != other.remote_id
    assert len(one.remote_id) < 100
    assert isinstance(qbo_wire.parse(one), Unread)


def test_an_escaped_backslash_before_u0000_is_not_nul(qbo: World) -> None:
    found = qbo.quickbooks().parse(RawRecord("1", rb'{"Id":"1","GivenName":"a\\u0000"}', b""))
    assert isinstance(found, Remote)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_literal_reads_back_as_the_text_and_ends_where_it_ends(text: str) -> None:
    (name, active) = parse_query(
        f"select * from Employee where DisplayName = {literal(text)} and Active in (true,false)"
    ).conditions
    assert name.values == (text,)
    assert active.name == "Active"


@pytest.mark.parametrize("text", ["O'Hara", "back\\slash", "\\'", "' or Active = true or '", "\\"])
def test_literals_of_the_awkward_kind(text: str) -> None:
    (name,) = parse_query(f"select * from Employee where DisplayName = {literal(text)}").conditions
    assert name.values == (text,)


async def test_a_page_asks_for_everybody_in_the_order_of_creation_and_says_where_the_next_begins(
    qbo: World,
) -> None:
    people = [{**wire(Id=str(n)), "MetaData": {"CreateTime": moment(n // 2)}} for n in range(PAGE)]
    qbo.answers({"QueryResponse": {"Employee": people}, "time": TIME})
    since = datetime(2026, 11, 23, 4, 5, 6, 700, tzinfo=UTC)
    place = Place(moment(7), 1, 9, frozenset({"0"}))
    page = await qbo.quickbooks().read_page(place.cursor(), since=since)
    asked = qbo.asked[0]
    assert asked.url.params["query"] == (
        "select * from Employee where Active in (true,false) and MetaData.LastUpdatedTime >= "
        "'2026-11-23T04:05:06+00:00' and MetaData.CreateTime >= '2026-11-01T00:00:07-08:00' "
        "orderby MetaData.CreateTime startposition 1 maxresults 1000"
    )
    assert b"%2B00" in asked.url.raw_path
    assert asked.url.params["minorversion"] == "75"
    assert page.cursor is not None
    assert Place.at(page.cursor) == Place(moment(499), 1, 1008, frozenset({"998", "999"}))
    assert page.as_of == datetime(2026, 11, 23, 11, 5, 13, 377000, tzinfo=UTC)
    assert [raw.remote_id for raw in page.records] == [str(n) for n in range(1, PAGE)]


def moment(seconds: int) -> str:
    return f"2026-11-01T00:{seconds // 60:02}:{seconds % 60:02}-08:00"


class Directory:
    """Answers queries from a list that may change between two pages.

    `shown` is how many rows a page really holds, `together` how many people were created at each moment; with `dice`
    those come in another order each time.
    """

    def __init__(
        self, people: int, shown: int = PAGE, *, together: int = 1, dice: Random | None = None
    ) -> None:
        self.ids = [str(n) for n in range(1, people + 1)]
        self.shown = shown
        self.together, self.dice = together, dice
        self.then: Any = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        statement = request.url.params["query"]
        if "count(*)" in statement:
            return httpx.Response(200, json={"QueryResponse": {"totalCount": len(self.ids)}, "time": TIME})
        start = int(statement.split("startposition ")[1].split()[0])
        since = statement.split("CreateTime >= '")[1].split("'")[0] if "CreateTime >=" in statement else ""
        born = {i: moment(int(i) // self.together) for i in self.ids}
        found = [i for i in self.ids if born[i] >= since]
        if self.dice:
            self.dice.shuffle(found)
            found.sort(key=lambda i: born[i])
        rows = [{**wire(Id=i), "MetaData": {"CreateTime": born[i]}} for i in found[start - 1 :][: self.shown]]
        self.then()
        body = {"Employee": rows} if rows else {}
        return httpx.Response(200, json={"QueryResponse": body, "time": TIME})


async def walk(qbo: World) -> list[str]:
    """The ids of a full read, page by page."""
    connector, cursor, ids = qbo.quickbooks(), None, list[str]()
    for _ in range(20):
        page = await connector.read_page(cursor)
        ids += [raw.remote_id for raw in page.records]
        if (cursor := page.cursor) is None:
            return ids
    raise AssertionError("a walk without end")


@pytest.mark.parametrize("people", [0, 1, 999, 1000, 1001, 2500])
async def test_a_full_read_holds_everybody_once(qbo: World, people: int) -> None:
    qbo.reply = directory = Directory(people)
    assert await walk(qbo) == directory.ids


@pytest.mark.parametrize("together", [2, 7, 999])
@pytest.mark.parametrize("shown", [999, 1000, 1001])
async def test_nobody_is_missed_or_shown_twice_where_many_were_created_at_the_same_moment(
    qbo: World, shown: int, together: int
) -> None:
    """Pages that hold a row too few or too many at their end, and moments whose people come in another order each time."""
    qbo.reply = directory = Directory(3300, shown, together=together, dice=Random(together))
    found = await walk(qbo)
    assert sorted(found) == sorted(directory.ids)


@pytest.mark.parametrize("shown", [999, 1000, 1001])
async def test_more_people_than_a_page_may_be_of_one_moment(qbo: World, shown: int) -> None:
    """All were brought over from another system in one second; their order stays the same then."""
    qbo.reply = directory = Directory(3300, shown, together=5000)
    assert sorted(await walk(qbo)) == sorted(directory.ids)


async def test_people_created_while_the_directory_is_read_are_in_it(qbo: World) -> None:
    qbo.reply = directory = Directory(2000)

    def hire() -> None:
        if len(directory.ids) < 2003:
            directory.ids.append(str(len(directory.ids) + 1))

    directory.then = hire
    assert await walk(qbo) == [str(n) for n in range(1, 2004)]


@pytest.mark.parametrize("shown", [1, 900, 999])
async def test_pages_that_come_too_short_do_not_end_the_directory(qbo: World, shown: int) -> None:
    qbo.reply = directory = Directory(15 if shown == 1 else 2500, shown)
    if shown == 1:
        with pytest.raises(Unavailable, match="before its count"):
            await walk(qbo)
        return
    assert await walk(qbo) == directory.ids


async def test_an_empty_answer_is_not_an_empty_directory(qbo: World) -> None:
    qbo.reply = Directory(2500, 0)
    with pytest.raises(Unavailable, match="before its count"):
        await walk(qbo)


async def test_nobody_is_skipped_when_somebody_before_them_is_merged_away(qbo: World) -> None:
    qbo.reply = directory = Directory(2500)
    everybody = set(directory.ids)

    def merge() -> None:
        if len(directory.ids) == 2500:
            del directory.ids[10:12]

    directory.then = merge
    assert set(await walk(qbo)) == everybody


async def test_changes_come_by_change_data_capture_without_the_stubs_of_who_is_gone(qbo: World) -> None:
    gone = {"domain": "QBO", "status": "Deleted", "Id": "398", "MetaData": {"LastUpdatedTime": TIME}}
    found = {"Employee": [wire(Id="1"), wire(Id="2", Active=False), gone]}
    qbo.answers({"CDCResponse": [{"QueryResponse": [found]}], "time": TIME})
    since = SystemClock().now() - timedelta(days=29)
    page = await qbo.quickbooks().read_page(None, since=since)
    (asked,) = qbo.asked
    assert asked.url.path.endswith("/cdc")
    assert asked.url.params["entities"] == "Employee"
    assert datetime.fromisoformat(asked.url.params["changedSince"]) == since.replace(microsecond=0)
    assert ([raw.remote_id for raw in page.records], page.gone, page.cursor) == (["1", "2"], ["398"], None)
    qbo.answers({"CDCResponse": [{"QueryResponse": [{}]}], "time": TIME})
    assert list((await qbo.quickbooks().read_page(None, since=since)).records) == []


async def test_changes_too_old_or_too_many_for_it_are_asked_for_by_query(qbo: World) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        rows = [wire(Id=str(n), MetaData={"CreateTime": TIME}) for n in range(1000)]
        if request.url.path.endswith("/cdc"):
            body: dict[str, Any] = {"CDCResponse": [{"QueryResponse": [{"Employee": rows}]}], "time": TIME}
        else:
            body = {"QueryResponse": {"Employee": rows}, "time": TIME}
        return httpx.Response(200, json=body)

    qbo.reply = reply
    now = SystemClock().now()
    page = await qbo.quickbooks().read_page(None, since=now - timedelta(days=30))
    assert [request.url.path[-5:] for request in qbo.asked] == ["query"]
    page = await qbo.quickbooks().read_page(None, since=now - timedelta(days=1))
    assert [request.url.path.rpartition("/")[2] for request in qbo.asked[1:]] == ["cdc", "query"]
    assert page.cursor is not None
    assert Place.at(page.cursor).read == PAGE


@pytest.mark.parametrize("status", [400, 500])
async def test_changes_that_quickbooks_calls_too_old_are_asked_for_by_query(qbo: World, status: int) -> None:
    """Whatever our own clock says."""
    old = fault("10000" if status == 500 else "4001", None, "changedSince must be within the last 30 days")

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/cdc"):
            return httpx.Response(status, json=old)
        return httpx.Response(200, json={"QueryResponse": {"Employee": [wire(Id="5")]}, "time": TIME})

    qbo.reply = reply
    page = await qbo.quickbooks().read_page(None, since=SystemClock().now() - timedelta(days=1))
    assert [raw.remote_id for raw in page.records] == ["5"]


async def test_with_payroll_nothing_is_sent_that_payroll_refuses(qbo: World) -> None:
    info = {"CompanyName": "Stone", "NameValue": [{"Name": "PayrollFeature", "Value": "true"}]}
    qbo.answers({"CompanyInfo": info, "time": TIME})
    tenant = await qbo.quickbooks().test()
    assert (tenant.tenant_id, tenant.name, tenant.features) == (REALM, "Stone", (PAYROLL,))
    qbo.features = tenant.features
    body = update(qbo, {"honorific": "Ms.", "suffix": "II", "bill_rate": "9", "last_name": "Vane"})
    assert not body.keys() & {"Title", "Suffix", "BillRate", "PrintOnCheckName", "DisplayName", "SSN"}
    assert (body["FamilyName"], body["CostRate"]) == ("Vane", 61)


@pytest.mark.parametrize(
    ("shown", "back"),
    [
        ("Dr. Ilse Marrow (deleted)", "Dr. Ilse Marrow"),
        ("Ilse the Great (Deleted 2)", "Ilse the Great"),
        ("Ilse the Great", "Ilse the Great"),
    ],
)
def test_who_comes_back_loses_the_mark_of_the_deleted(qbo: World, shown: str, back: str) -> None:
    body = update(qbo, {"active": True}, Active=False, DisplayName=shown)
    assert (body["Active"], body["DisplayName"]) == (True, back)
    assert update(qbo, {"active": False})["Active"] is False


async def test_one_bad_record_does_not_spoil_its_page(qbo: World) -> None:
    good = orjson.dumps(wire(Id="2"))
    body = b'{"QueryResponse":{"Employee":[{"Id":"1","GivenName":"\\ud800"},%s]},"time":"%s"}'
    count = b'{"QueryResponse":{"totalCount":2}}'
    qbo.reply = lambda r: httpx.Response(
        200, content=count if "count" in str(r.url) else body % (good, TIME.encode())
    )
    connector = qbo.quickbooks()
    bad, other = (await connector.read_page(None)).records
    assert isinstance(connector.parse(bad), Unread)
    assert isinstance(connector.parse(other), Remote)
    assert other.raw_hash == raw_record(wire(Id="2"), "Id").raw_hash


async def test_read_many_asks_in_chunks_and_leaves_out_who_is_not_there(qbo: World) -> None:
    qbo.answers({"QueryResponse": {"Employee": [wire(Id="5")]}, "time": TIME})
    found = await qbo.quickbooks().read_many([str(n) for n in range(201)] + ["it's"])
    assert list(found) == ["5"]
    statements = [request.url.params["query"] for request in qbo.asked]
    assert len(statements) == 2
    assert "Id in ('200','it\\'s') and Active in (true,false)" in statements[1]


@pytest.mark.parametrize(
    "keys", [{"SSN": "1"}, {"a": {"SSN": "1"}}, {"a": [{"Ssn": "1"}]}, {"ssn_last4": "1"}]
)
def test_a_social_security_number_is_gone_before_hashing(keys: dict[str, Any]) -> None:
    rest: dict[str, Any] = {"a": {}} if isinstance(keys.get("a"), dict) else {}
    clean = raw_record({"Id": "1", **rest, **({"masked": True} if "SSN" in keys else {})}, "Id")
    dirty = raw_record({"Id": "1", **keys}, "Id")
    assert b"ssn" not in dirty.payload.lower()
    if not isinstance(keys.get("a"), list):
        assert dirty.raw_hash == clean.raw_hash


def test_words_that_only_look_like_ssn_stay() -> None:
    kept = {"Id": "1", "FamilyName": "Messner", "PassNumber": "7"}
    assert orjson.loads(raw_record(dict(kept), "Id").payload) == kept


def test_an_update_keeps_what_is_not_ours_and_leaves_out_what_is_read_only(qbo: World) -> None:
    body = update(qbo, {"phone": "+15035550199", "bill_rate": "95.25"})
    assert body == {
        **{k: v for k, v in WIRE.items() if k not in ("domain", "sparse", "V4IDPseudonym", "MetaData")},
        "PrimaryAddr": {"Id": "9", "Line1": "1 Row", "Line3": "Back", "City": "Mill"},
        "PrimaryPhone": {"FreeFormNumber": "+15035550199"},
        "BillRate": 95.25,
        "BillableTime": True,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"address_line1": "2 Row"}, {"Id": "9", "Line1": "2 Row", "Line3": "Back", "City": "Mill"}),
        ({"address_city": None}, {"Id": "9", "Line1": "1 Row", "Line3": "Back"}),
        ({"address_state": "OR"}, {"Id": "9", "Line1": "1 Row", "Line3": "Back", "City": "Mill"}),
    ],
)
def test_only_the_changed_part_of_an_address_moves(
    qbo: World, fields: dict[str, object], expected: dict[str, str]
) -> None:
    if "address_state" in fields:
        expected["CountrySubDivisionCode"] = "OR"
    assert update(qbo, fields)["PrimaryAddr"] == expected


@pytest.mark.parametrize(
    ("lines", "first", "second"),
    [
        (
            ("c/o Marsh Farm", "Building 4", "1180 Orchard Rd"),
            "c/o Marsh Farm",
            "Building 4, 1180 Orchard Rd",
        ),
        (("1 Row", None, "Back", None, "Yard"), "1 Row", "Back, Yard"),
        (("1 Row", None, None, "Back"), "1 Row", "Back"),
        ((None, "Back"), None, "Back"),
    ],
)
def test_no_line_of_an_address_is_lost(
    qbo: World, lines: tuple[str | None, ...], first: str | None, second: str
) -> None:
    """Five lines are two of ours; what is written in place of the second replaces all that were read as it."""
    address = {f"Line{n}": line for n, line in enumerate(lines, 1) if line} | {"City": "Mill"}
    person = remote(qbo, PrimaryAddr=address).employee
    assert (person.address_line1, person.address_line2, person.notes) == (first, second, ())

    body = update(qbo, {"address_line2": "Gate 2"}, PrimaryAddr=address)
    written = remote(qbo, PrimaryAddr=body["PrimaryAddr"]).employee
    assert (written.address_line1, written.address_line2) == (first, "Gate 2")


def test_a_line_that_is_no_text_is_unread_with_the_others(qbo: World) -> None:
    person = remote(qbo, PrimaryAddr={"Line2": "Back", "Line3": 7, "City": "Mill"}).employee
    assert not person.known("address_line2")
    assert [(note.field, note.reason) for note in person.notes] == [("address_line2", "unreadable")]


@pytest.mark.reason("note.in_lines")
@pytest.mark.parametrize("lines", [("35 Van Horn St", "Lakewood, CO 80228"), ("35 Van Horn St",)])
def test_an_address_in_lines_alone_clears_no_city_elsewhere_and_says_so(
    qbo: World, lines: tuple[str, ...]
) -> None:
    """City, state and ZIP code may stand in the lines: they are unknown, not empty."""
    address = {f"Line{n}": line for n, line in enumerate(lines, 1)}
    person = remote(qbo, PrimaryAddr=address).employee
    area = ("address_city", "address_state", "address_postal_code")
    assert not any(person.known(name) for name in area)
    assert [(note.field, note.reason) for note in person.notes] == [("address_city", "in_lines")]
    assert update(qbo, {"address_city": "Lakewood"}, PrimaryAddr=address)["PrimaryAddr"]["City"] == "Lakewood"


def test_an_address_that_is_empty_is_known_to_be(qbo: World) -> None:
    person = remote(qbo, PrimaryAddr=...).employee
    assert person.known("address_city")
    assert person.notes == ()


def test_a_country_goes_as_the_three_letters_that_quickbooks_asks_for(qbo: World) -> None:
    assert update(qbo, {"address_country": "US"})["PrimaryAddr"]["Country"] == "USA"
    assert update(qbo, {"address_country": "Freedonia"})["PrimaryAddr"]["Country"] == "Freedonia"
    assert remote(qbo, PrimaryAddr={"Country": "USA"}).employee.address_country == "US"


def test_null_clears_by_leaving_out(qbo: World) -> None:
    body = update(
        qbo, {"email": None, "number": None, "address_line1": None}, PrimaryAddr={"Id": "9", "Line1": "x"}
    )
    assert not body.keys() & {"PrimaryEmailAddr", "EmployeeNumber", "PrimaryAddr"}


@pytest.mark.parametrize(
    ("shown", "fields", "expected"),
    [
        ("Dr. Ilse Marrow", {"last_name": "Vane"}, "Dr. Ilse Vane"),
        ("Dr. Ilse Marrow", {"middle_name": "Q", "suffix": "II"}, "Dr. Ilse Q Marrow II"),
        ("Ilse the Great", {"last_name": "Vane"}, "Ilse the Great"),
        ("Dr. Ilse Marrow (deleted)", {"last_name": "Vane"}, "Dr. Ilse Marrow (deleted)"),
        ("Dr. Ilse Marrow", {"phone": "1"}, "Dr. Ilse Marrow"),
        ("Dr. Ilse Marrow", {"last_name": "Vane", "display_name": "IV"}, "IV"),
    ],
)
def test_the_display_name_follows_only_while_it_is_the_default(
    qbo: World, shown: str, fields: dict[str, object], expected: str
) -> None:
    assert update(qbo, fields, DisplayName=shown)["DisplayName"] == expected


@pytest.mark.parametrize(
    ("shown", "check", "fields", "expected"),
    [
        ("Ilse Marrow", "Ilse Marrow", {"last_name": "Vane"}, ("Ilse Vane", "Ilse Vane")),
        ("Dr. Ilse Marrow", "Ilse Marrow", {"last_name": "Vane"}, ("Dr. Ilse Vane", "Ilse Vane")),
        ("Marrow, Ilse", "I. Marrow", {"last_name": "Vane"}, ("Vane, Ilse", "I. Marrow")),
        ("The Captain", "The Captain", {"last_name": "Vane"}, ("The Captain", "The Captain")),
        ("The Captain", "The Captain", {"display_name": "IV"}, ("IV", "IV")),
        ("Ilse Marrow", "Ilse Marrow", {"phone": "1"}, ("Ilse Marrow", "Ilse Marrow")),
    ],
)
def test_names_that_a_rule_made_follow_a_rename_and_chosen_ones_stay(
    qbo: World, shown: str, check: str, fields: dict[str, object], expected: tuple[str, str]
) -> None:
    """Title and middle name are often left out."""
    body = update(qbo, fields, DisplayName=shown, PrintOnCheckName=check)
    assert (body["DisplayName"], body["PrintOnCheckName"]) == expected


def test_a_rate_goes_with_the_flag_without_which_quickbooks_drops_it(qbo: World) -> None:
    assert update(qbo, {"bill_rate": "10"})["BillableTime"] is True
    assert update(qbo, {"bill_rate": "10", "billable": False})["BillableTime"] is False
    assert update(qbo, {"phone": "1"})["BillableTime"] is False


def test_a_rate_of_nothing_is_none_unless_the_person_is_billable(qbo: World) -> None:
    """Live companies show 0 where no rate was ever given."""
    assert remote(qbo, BillRate=0, BillableTime=False).employee.bill_rate is None
    assert remote(qbo, BillRate=0, BillableTime=...).employee.bill_rate is None
    assert remote(qbo, BillRate=0, BillableTime=True).employee.bill_rate == 0
    assert remote(qbo, BillRate=92.5, BillableTime=False).employee.bill_rate is not None


def test_a_creation_says_only_what_it_was_given(qbo: World) -> None:
    fields = {
        "first_name": "Ilse",
        "email": "i@s.example",
        "gender": "female",
        "suffix": None,
        "cost_rate": "6.5",
    }
    call = qbo.quickbooks().prepare("key-1", [Write("create", "item", fields)])
    assert orjson.loads(call.body) == {
        "GivenName": "Ilse",
        "PrimaryEmailAddr": {"Address": "i@s.example"},
        "Gender": "Female",
        "CostRate": 6.5,
    }
    assert (call.method, call.path) == ("POST", "/v3/company/9130350000000999/employee?requestid=key-1")
    assert list(call.members) == ["item"]


def batch(connector: QuickBooks, count: int = 30) -> Any:
    writes = [Write("create", f"item-{n}", {"first_name": f"N{n}"}) for n in range(count)]
    return connector.prepare("key-b", writes)


def test_a_batch_numbers_its_items_and_is_the_same_each_time(qbo: World) -> None:
    call = batch(qbo.quickbooks())
    items = orjson.loads(call.body)["BatchItemRequest"]
    assert call.path.endswith("/batch?requestid=key-b")
    assert [item["bId"] for item in items] == [str(n) for n in range(1, 31)]
    assert {item["operation"] for item in items} == {"create"}
    assert list(call.members) == [f"item-{n}" for n in range(30)]
    assert batch(qbo.quickbooks()) == call


@pytest.mark.parametrize("seed", range(5))
async def test_a_batch_is_distinguished_by_bid_in_any_order(qbo: World, seed: int) -> None:
    connector = qbo.quickbooks()
    items: list[dict[str, Any]] = [{"bId": str(n), "Employee": wire(Id=f"9{n}")} for n in range(1, 31)]
    items[3] = {"bId": "4", **fault("6240")}
    items[8] = {"bId": "9", **fault("5010")}
    random.Random(seed).shuffle(items)
    qbo.answers({"BatchItemResponse": items, "time": TIME})
    written = await connector.send(batch(connector))
    assert [w.push_id for w in written] == [f"item-{n}" for n in range(30)]
    duplicate, stale = written[3].error, written[8].error
    assert isinstance(duplicate, Rejected)
    assert (duplicate.reason, duplicate.field) == ("duplicate_name", "display_name")
    assert isinstance(stale, Conflict)
    good = {n: w.remote.remote_id for n, w in enumerate(written, 1) if w.remote}
    assert good == {n: f"9{n}" for n in range(1, 31) if n not in (4, 9)}


@pytest.mark.parametrize(
    "items", [None, [], [{"bId": "1", "Employee": WIRE}], [{"bId": "1"}, {"bId": "x"}], ["odd"]]
)
async def test_a_batch_answer_with_items_missing_is_of_unknown_outcome_for_them(
    qbo: World, items: Any
) -> None:
    connector = qbo.quickbooks()
    qbo.answers({"BatchItemResponse": items, "time": TIME})
    written = await connector.send(batch(connector, 2))
    assert [request.url.params["requestid"] for request in qbo.asked] == ["key-b", "key-b"]
    known = [w.push_id for w in written if w.remote]
    assert known == (["item-0"] if items and "Employee" in items[0] else [])
    for one in written:
        assert one.remote or (isinstance(one.error, Unavailable) and one.error.outcome_unknown)


async def test_a_missing_item_that_comes_with_the_second_answer_is_known(qbo: World) -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        items = [{"bId": str(n), "Employee": wire(Id=f"9{n}")} for n in range(1, 4)]
        return httpx.Response(200, json={"BatchItemResponse": items[len(qbo.asked) % 2 :], "time": TIME})

    qbo.reply = reply
    connector = qbo.quickbooks()
    written = await connector.send(batch(connector, 3))
    assert [w.remote.remote_id for w in written if w.remote] == ["91", "92", "93"]


async def test_a_written_record_that_cannot_be_read_is_of_unknown_outcome(qbo: World) -> None:
    connector = qbo.quickbooks()
    qbo.answers({"Employee": {"GivenName": "no id"}, "time": TIME})
    (written,) = await connector.send(batch(connector, 1))
    assert isinstance(written.error, Unavailable)
    assert written.error.outcome_unknown


@pytest.mark.parametrize(("again", "kind"), [(False, Rejected), (True, Unavailable)])
@pytest.mark.parametrize("count", [1, 3])
async def test_a_general_refusal_of_a_repeated_call_is_of_unknown_outcome(
    qbo: World, count: int, again: bool, kind: type[MusterError]
) -> None:
    """QuickBooks may answer 6000 for what it carried out the first time; other codes mean what they say."""
    items = [{"bId": str(n), **fault("6000" if n < 3 else "2020", "GivenName")} for n in range(1, count + 1)]
    status, body = (200, {"BatchItemResponse": items}) if count > 1 else (400, fault("6000"))
    qbo.answers(body, status)
    connector = qbo.quickbooks()
    try:
        errors = [w.error for w in await connector.send(batch(connector, count), again=again)]
    except MusterError as error:
        errors = [error]
    for error in errors[:2]:
        assert isinstance(error, kind)
        assert getattr(error, "outcome_unknown", False) is again
    for error in errors[2:]:
        assert isinstance(error, Rejected)


async def test_an_item_that_the_second_answer_refuses_in_general_is_of_unknown_outcome(qbo: World) -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        first = [{"bId": "1", **fault("6000")}]
        both = [{"bId": str(n), **fault("6000")} for n in (1, 2)]
        items = both if len(qbo.asked) > 1 else first
        return httpx.Response(200, json={"BatchItemResponse": items, "time": TIME})

    qbo.reply = reply
    connector = qbo.quickbooks()
    refused, unknown = await connector.send(batch(connector, 2))
    assert isinstance(refused.error, Rejected)
    assert isinstance(unknown.error, Unavailable)
    assert unknown.error.outcome_unknown


async def test_a_batch_that_is_too_large_is_halved_in_the_same_way_each_time(qbo: World) -> None:
    """Whatever stands before QuickBooks answers HTML; one person who is too large spoils nobody else."""

    def reply(request: httpx.Request) -> httpx.Response:
        items = orjson.loads(request.content)["BatchItemRequest"]
        names = [i["Employee"]["GivenName"] for i in items]
        if len(items) > 3 or "N5" in names:
            return httpx.Response(413, html="<h1>Request Entity Too Large</h1>")
        made = [
            {"bId": i["bId"], "Employee": wire(Id=f"9{n[1:]}")} for i, n in zip(items, names, strict=True)
        ]
        return httpx.Response(200, json={"BatchItemResponse": made, "time": TIME})

    qbo.reply = reply
    connector = qbo.quickbooks()
    written = await connector.send(batch(connector, 10))
    keys = [request.url.params["requestid"] for request in qbo.asked]
    assert [w.push_id for w in written] == [f"item-{n}" for n in range(10)]
    assert [w.remote.remote_id if w.remote else w.error for w in written][:5] == [f"9{n}" for n in range(5)]
    assert isinstance(written[5].error, Rejected)
    assert written[5].error.reason == "text_too_long"
    assert all(w.remote for w in written[6:])
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 36 for key in keys)

    qbo.asked.clear()
    await connector.send(batch(connector, 10), again=True)
    assert [request.url.params["requestid"] for request in qbo.asked] == keys


async def test_half_of_a_batch_may_be_of_unknown_outcome(qbo: World) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        items = orjson.loads(request.content)["BatchItemRequest"]
        if len(items) == 4:
            return httpx.Response(413)
        if items[0]["Employee"]["GivenName"] == "N0":
            return httpx.Response(504, html="<h1>Gateway Time-out</h1>")
        made = [{"bId": i["bId"], "Employee": wire(Id="9")} for i in items]
        return httpx.Response(200, json={"BatchItemResponse": made, "time": TIME})

    qbo.reply = reply
    connector = qbo.quickbooks()
    first, second, *others = await connector.send(batch(connector, 4))
    for one in (first, second):
        assert isinstance(one.error, Unavailable)
        assert one.error.outcome_unknown
    assert all(w.remote for w in others)


GATEWAY = {
    "warnings": None,
    "fault": {
        "error": [{"message": "m", "detail": "d", "code": "3200", "element": None}],
        "type": "AUTHENTICATION",
    },
    "time": 1795403251000,
}
XML = b'<?xml version="1.0"?><IntuitResponse><Fault type="x"><Error code="%s"><Message>m</Message></Error></Fault>'
CASES: list[tuple[str, httpx.Response, type[MusterError], dict[str, Any]]] = [
    (
        "duplicate",
        httpx.Response(400, json=fault("6240")),
        Rejected,
        {"reason": "duplicate_name", "field": "display_name"},
    ),
    (
        "missing",
        httpx.Response(400, json=fault("2020", "GivenName")),
        Rejected,
        {"reason": "missing_value", "field": "first_name"},
    ),
    (
        "named in the text",
        httpx.Response(400, json=fault("2010", None, "Property Name:HiredDate is unsupported")),
        Rejected,
        {"reason": "unsupported_field", "field": "hire_date"},
    ),
    (
        "part of an address",
        httpx.Response(400, json=fault("2050", "PrimaryAddr.PostalCode")),
        Rejected,
        {"reason": "text_too_long", "field": "address_postal_code"},
    ),
    (
        "e-mail",
        httpx.Response(400, json=fault("2210", "PrimaryEmailAddr")),
        Rejected,
        {"reason": "invalid_email", "field": "email"},
    ),
    ("stale", httpx.Response(400, json=fault("5010")), Conflict, {}),
    (
        "gone",
        httpx.Response(400, json=fault("610")),
        Rejected,
        {"reason": "deleted_at_destination", "field": None},
    ),
    ("permission", httpx.Response(400, json=fault("5020")), Rejected, {"reason": "not_permitted"}),
    ("lapsed", httpx.Response(400, json=fault("6190")), Rejected, {"reason": "subscription_lapsed"}),
    ("other", httpx.Response(400, json=fault("6000", None)), Rejected, {"reason": "refused", "field": None}),
    ("a fault in a 200", httpx.Response(200, json=fault("6240")), Rejected, {"reason": "duplicate_name"}),
    ("half a fault", httpx.Response(400, json={"Fault": {"Error": [None]}}), Rejected, {"reason": "refused"}),
    ("no fault", httpx.Response(400, json=[]), Rejected, {"reason": "refused"}),
    ("xml", httpx.Response(400, content=XML % b"6240"), Rejected, {"reason": "duplicate_name"}),
    ("xml in a 200", httpx.Response(200, content=XML % b"3001"), RateLimited, {"retry_after": 60.0}),
    ("throttled", httpx.Response(429, json=fault("3001")), RateLimited, {"retry_after": 60.0}),
    ("throttled, told", httpx.Response(429, headers={"Retry-After": "7"}), RateLimited, {"retry_after": 7.0}),
    (
        "throttled, a date",
        httpx.Response(429, headers={"Retry-After": "Mon, 1 Jan"}),
        RateLimited,
        {"retry_after": 60.0},
    ),
    (
        "throttled, for ever",
        httpx.Response(429, headers={"Retry-After": "9" * 400}),
        RateLimited,
        {"retry_after": 3600.0},
    ),
    ("throttled, old style", httpx.Response(403, json=fault("003001")), RateLimited, {}),
    ("throttled in a 400", httpx.Response(400, json=fault("3001")), RateLimited, {}),
    ("gateway", httpx.Response(401, json=GATEWAY), Unauthorized, {}),
    ("gateway in a 200", httpx.Response(200, json=GATEWAY), Unauthorized, {}),
    ("no admin", httpx.Response(400, json=fault("120")), Unauthorized, {}),
    ("authentication", httpx.Response(403, json=fault("100")), Unauthorized, {}),
    ("wrong application", httpx.Response(403, json=fault("3100")), Unauthorized, {}),
    ("outage in disguise", httpx.Response(500, json=fault("3100")), Unavailable, {"outcome_unknown": True}),
    ("severe", httpx.Response(400, json=fault("10000")), Unavailable, {"outcome_unknown": True}),
    ("html", httpx.Response(502, html="<h1>Bad gateway</h1>"), Unavailable, {"outcome_unknown": True}),
    ("html 504", httpx.Response(504, html="<h1>Time-out</h1>"), Unavailable, {"outcome_unknown": True}),
    ("html 413", httpx.Response(413, html="<h1>Too large</h1>"), TooLarge, {"reason": "text_too_long"}),
    ("nothing", httpx.Response(503), Unavailable, {"outcome_unknown": True}),
    ("html in a 200", httpx.Response(200, html="<p>Sign in</p>"), Unavailable, {"outcome_unknown": True}),
    (
        "redirect",
        httpx.Response(302, headers={"Location": "https://evil.test"}),
        Unavailable,
        {"outcome_unknown": True},
    ),
    ("wrong address", httpx.Response(404), Unavailable, {"outcome_unknown": False}),
]


@pytest.mark.parametrize(("response", "kind", "reported"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_every_answer_has_its_class(
    qbo: World, response: httpx.Response, kind: type[MusterError], reported: dict[str, Any]
) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.host == "oauth.test":
            return httpx.Response(
                200, json={"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 3600}
            )
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    qbo.reply = reply
    connector = qbo.quickbooks()
    error: MusterError | None
    try:
        (written,) = await connector.send(batch(connector, 1))
        error = written.error
    except MusterError as raised:
        error = raised
    assert type(error) is kind
    assert {name: getattr(error, name) for name in reported} == reported
    if isinstance(error, Rejected):
        assert error.reason in REASONS
    assert {request.url.host for request in qbo.asked} <= {"remote.test", "oauth.test"}


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failed_read_has_no_outcome_to_doubt(qbo: World, status: int) -> None:
    qbo.reply = lambda _: httpx.Response(status)
    with pytest.raises(Unavailable) as caught:
        await qbo.quickbooks().read_page(None)
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize(
    "body",
    [
        {"time": TIME},
        {"QueryResponse": []},
        {"QueryResponse": {"Employee": [{"SyncToken": "1"}]}, "time": TIME},
    ],
)
async def test_a_page_of_another_shape_is_not_a_bug_of_ours(qbo: World, body: Any) -> None:
    qbo.answers(body)
    with pytest.raises(Unavailable):
        await qbo.quickbooks().read_page(None)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"number": "LN-7"}, True),
        ({"email": "ilse@stone.example"}, True),
        ({"number": "LN-7", "email": "other@stone.example"}, False),
        ({"number": "LN-8"}, False),
        ({}, False),
    ],
)
async def test_a_lost_creation_is_known_by_number_or_email_never_by_name(
    qbo: World, fields: dict[str, object], found: bool
) -> None:
    qbo.answers({"QueryResponse": {"Employee": [WIRE]}, "time": TIME})
    write = Write(
        "create", "i", {"honorific": "Dr.", "first_name": "Ilse", "last_name": "O'Marrow", **fields}
    )
    assert (await qbo.quickbooks().find_created(write) is not None) is found
    assert "DisplayName = 'Dr. Ilse O\\'Marrow' and Active in" in qbo.asked[0].url.params["query"]


async def test_what_quickbooks_answered_stands_with_the_error_and_no_number_that_may_not_be_kept(
    qbo: World,
) -> None:
    body = fault("6240", detail="The name supplied already exists. : Id=55") | {"SSN": "123-45-6789"}
    qbo.reply = lambda _: httpx.Response(400, json=body, headers={"intuit_tid": "1-abc"})
    connector = qbo.quickbooks()
    (written,) = await connector.send(batch(connector, 1))
    assert written.error is not None
    received = written.error.received
    assert received is not None
    answer = received.answer
    assert (answer.status, answer.code, answer.trace_id) == (400, "6240", "1-abc")
    assert "The name supplied already exists. : Id=55" in answer.remote_text
    assert answer.remote_text not in str(written.error), "what may quote a value reaches no log"
    assert orjson.loads(received.body)["Fault"] == body["Fault"]
    assert "123-45-6789" not in received.body


async def test_each_item_of_a_batch_has_its_own_answer(qbo: World) -> None:
    items: list[dict[str, Any]] = [
        {"bId": "2", **fault("6240")},
        {"bId": "1", "Employee": wire(Id="91")},
    ]
    body = {"BatchItemResponse": items, "time": TIME}
    qbo.reply = lambda _: httpx.Response(200, json=body, headers={"intuit_tid": "1-abc"})
    connector = qbo.quickbooks()
    good, bad = await connector.send(batch(connector, 2))
    assert good.received is not None
    assert bad.error is not None
    assert bad.error.received is not None
    kept = orjson.loads(good.received.body)["Employee"]
    assert (kept["Id"], "SSN" in kept, good.received.answer.trace_id) == ("91", False, "1-abc")
    assert (bad.error.received.answer.status, bad.error.received.answer.code) == (200, "6240")
    assert "Fault" in orjson.loads(bad.error.received.body)


async def test_an_answer_that_is_no_json_is_kept_as_a_text(qbo: World) -> None:
    qbo.reply = lambda _: httpx.Response(503, text="<html>down", headers={"intuit_tid": "1-abc"})
    connector = qbo.quickbooks()
    with pytest.raises(Unavailable) as raised:
        await connector.send(batch(connector, 1))
    received = raised.value.received
    assert received is not None
    assert (received.answer.status, orjson.loads(received.body)) == (503, "<html>down")
