"""Linarc's wire format, conditional updates and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from shared.clock import SystemClock
from shared.connectors.client import raw_record
from shared.connectors.ports import RawRecord, Tenant, Write
from shared.domain.employee import Remote, Unread
from shared.domain.reasons import REASONS
from shared.errors import Conflict, MusterError, RateLimited, Rejected, Unauthorized, Unavailable

if TYPE_CHECKING:
    from .conftest import World

WIRE: dict[str, Any] = {
    "id": "lin_000007",
    "etag": "7-2",
    "employee_number": "LN-7",
    "first_name": "Ilse",
    "middle_name": None,
    "last_name": "Marrow",
    "email": "Ilse@Stone.example",
    "title": "Mason",
    "hourly_rate": 92.5,
    "cost_rate": 61,
    "address": {"line1": "1 Row", "city": "Mill"},
    "state": "active",
    "created_at": "2026-02-09T16:14:22.000Z",
    "updated_at": "2026-11-18T23:40:07.000Z",
}


def remote(lin: World, **changes: Any) -> Remote:
    found = lin.linarc().parse(raw_record({**WIRE, **changes}, "id"))
    assert isinstance(found, Remote)
    return found


def test_parse_sets_what_is_there_and_nothing_else(lin: World) -> None:
    found = remote(lin)
    person = found.employee
    assert (found.remote_id, found.version) == ("lin_000007", "7-2")
    assert (person.number, person.title, person.email) == ("LN-7", "Mason", "Ilse@Stone.example")
    assert (person.bill_rate, person.cost_rate) == (Decimal("92.5"), Decimal(61))
    assert person.known("middle_name") and person.middle_name is None
    assert person.known("address_line2") and person.address_line2 is None
    for name in ("phone", "department", "hire_date", "honorific", "display_name", "billable"):
        assert not person.known(name), name


@pytest.mark.parametrize(
    ("state", "active"),
    [("draft", True), ("invited", True), ("active", True), ("suspended", False), ("terminated", False)],
)
def test_suspended_and_terminated_people_are_not_active(lin: World, state: str, active: bool) -> None:
    person = remote(lin, state=state).employee
    assert (person.state, person.active) == (state, active)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"id":"1","first_name":"\\ud800"}',
        b'{"id":"1","first_name":"\\u0000"}',
        b'{"id":"1","first_name":5}',
        b'{"id":"1","last_name":"' + b"x" * 6_000 + b'"}',
        b"null",
    ],
)
def test_what_cannot_be_read_is_said_not_raised(lin: World, payload: bytes) -> None:
    found = lin.linarc().parse(RawRecord("1", payload, b""))
    assert isinstance(found, Unread)
    assert found.reason == "unreadable"


UNREAD: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "an e-mail address of 900 kB": ({"email": "a" * 900_000 + "@x.org"}, {("email", "too_long")}),
    "an address that is no text": ({"email": 5}, {("email", "unreadable")}),
    "a rate with too many places": ({"cost_rate": 28.846153846153847}, {("cost_rate", "rounded")}),
    "one part of an address": (
        {"address": {"city": "Mill", "line1": "x" * 6_000}},
        {("address_line1", "too_long")},
    ),
    "a time without an offset": ({"updated_at": "2026-11-18T23:40:07"}, set()),
    "a state that is none": ({"state": {}}, {("state", "unreadable")}),
}


@pytest.mark.parametrize(("values", "notes"), UNREAD.values(), ids=UNREAD)
def test_a_value_that_cannot_be_read_leaves_the_rest(
    lin: World, values: dict[str, Any], notes: set[tuple[str, str]]
) -> None:
    """Its field is masked and noted, the others are there."""
    reported = {"id": "1", "first_name": "Ilse", "employee_number": "7"} | values
    found = lin.linarc().parse(raw_record(reported, "id"))

    assert isinstance(found, Remote)
    assert notes == {(note.field, note.reason) for note in found.employee.notes}
    assert {field for field, reason in notes if reason != "rounded"} == set(found.employee.masked)
    assert (found.employee.first_name, found.employee.number) == ("Ilse", "7")


def test_a_creation_is_a_post_under_its_key(lin: World) -> None:
    write = Write("create", "item", {"first_name": "Ilse", "bill_rate": "92.50", "address_city": "Mill"})
    call = lin.linarc().prepare("key-1", [write])
    assert (call.method, call.path, list(call.members)) == ("POST", "/api/v1/employees", ["item"])
    assert call.headers["Idempotency-Key"] == "key-1"
    assert "If-Match" not in call.headers
    assert orjson.loads(call.body) == {"first_name": "Ilse", "hourly_rate": 92.5, "address": {"city": "Mill"}}


def test_an_update_is_a_patch_of_what_differs_guarded_by_the_tag(lin: World) -> None:
    call = lin.linarc().prepare("k", [Write("update", "i", {"number": None, "title": "Lead"}, remote(lin))])
    assert (call.method, call.path) == ("PATCH", "/api/v1/employees/lin_000007")
    assert call.headers["If-Match"] == '"7-2"'
    assert orjson.loads(call.body) == {"employee_number": None, "title": "Lead"}


def test_an_address_goes_whole_so_that_its_other_parts_survive(lin: World) -> None:
    call = lin.linarc().prepare("k", [Write("update", "i", {"address_city": None}, remote(lin))])
    assert orjson.loads(call.body) == {"address": {"line1": "1 Row", "city": None}}
    call = lin.linarc().prepare("k", [Write("update", "i", {"address_city": "X"}, remote(lin, address=None))])
    assert orjson.loads(call.body) == {"address": {"city": "X"}}


def test_a_country_goes_as_three_letters(lin: World) -> None:
    call = lin.linarc().prepare("k", [Write("create", "i", {"address_country": "US"})])
    assert orjson.loads(call.body) == {"address": {"country": "USA"}}
    assert remote(lin, address={"country": "USA"}).employee.address_country == "US"


def problem(code: str, field: str | None = None, status: int = 422) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "field": field})


CASES: list[tuple[str, httpx.Response, type[MusterError], dict[str, Any]]] = [
    (
        "number",
        problem("duplicate_number", "employee_number", 409),
        Rejected,
        {"reason": "duplicate_number", "field": "number"},
    ),
    (
        "email",
        problem("duplicate_email", "email", 409),
        Rejected,
        {"reason": "duplicate_email", "field": "email"},
    ),
    (
        "name",
        problem("missing_name", "first_name"),
        Rejected,
        {"reason": "missing_name", "field": "last_name"},
    ),
    ("long", problem("too_long", "title"), Rejected, {"reason": "text_too_long", "field": "title"}),
    ("address", problem("invalid_email", "email"), Rejected, {"reason": "invalid_email", "field": "email"}),
    (
        "date",
        problem("invalid_date", "hire_date"),
        Rejected,
        {"reason": "invalid_value", "field": "hire_date"},
    ),
    (
        "unknown field",
        problem("unknown_field", "x"),
        Rejected,
        {"reason": "unsupported_field", "field": None},
    ),
    (
        "value",
        problem("invalid_value", "hourly_rate"),
        Rejected,
        {"reason": "invalid_value", "field": "bill_rate"},
    ),
    ("anything", problem("new_code"), Rejected, {"reason": "refused", "field": None}),
    ("text", httpx.Response(400, text="no"), Rejected, {"reason": "refused"}),
    ("moved", problem("stale_etag", status=412), Conflict, {}),
    ("gone", problem("not_found", status=404), Rejected, {"reason": "deleted_at_destination"}),
    ("key", problem("invalid_api_key", status=401), Unauthorized, {}),
    ("wait", httpx.Response(429, headers={"Retry-After": "3"}), RateLimited, {"retry_after": 3.0}),
    ("wait, odd", httpx.Response(429, headers={"Retry-After": "soon"}), RateLimited, {"retry_after": 60.0}),
    ("down", httpx.Response(503), Unavailable, {"outcome_unknown": True}),
    (
        "redirect",
        httpx.Response(307, headers={"Location": "https://evil.test"}),
        Unavailable,
        {"outcome_unknown": True},
    ),
    ("html", httpx.Response(200, html="<p>hello"), Unavailable, {"outcome_unknown": True}),
    ("no id", httpx.Response(200, json={"first_name": "x"}), Unavailable, {"outcome_unknown": True}),
]


@pytest.mark.reason("duplicate_number", "duplicate_email")
@pytest.mark.parametrize(("response", "kind", "reported"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_every_answer_has_its_class(
    lin: World, response: httpx.Response, kind: type[MusterError], reported: dict[str, Any]
) -> None:
    connector = lin.linarc()
    call = connector.prepare("k", [Write("update", "item", {"title": "x"}, remote(lin))])
    lin.reply = lambda _: httpx.Response(
        response.status_code, headers=response.headers, content=response.content
    )
    error: MusterError | None
    try:
        (written,) = await connector.send(call)
        error = written.error
    except MusterError as raised:
        error = raised
    assert type(error) is kind
    assert {name: getattr(error, name) for name in reported} == reported
    if isinstance(error, Rejected):
        assert error.reason in REASONS
    assert {request.url.host for request in lin.asked} == {"remote.test"}


async def test_a_page_hands_on_the_cursor_it_was_given(lin: World) -> None:
    lin.answers(
        {"employees": [WIRE], "next_cursor": "opaque==", "as_of": "2026-11-23T11:00:00.000Z", "total": 9}
    )
    page = await lin.linarc().read_page("7:before:it")
    assert lin.asked[0].url.params["cursor"] == "before:it"
    assert (page.cursor, page.as_of.isoformat()) == ("8:opaque==", "2026-11-23T11:00:00+00:00")


async def test_an_id_from_outside_stays_one_part_of_the_path(lin: World) -> None:
    lin.answers({"id": "acme", "name": "not an employee"})
    assert await lin.linarc().read_many(["../company?x=1", "", ".", ".."]) == {}
    assert len(lin.asked) == 1
    assert lin.asked[0].url.raw_path == b"/api/v1/employees/..%2Fcompany%3Fx%3D1"


@pytest.mark.reason("connection.reconnect")
async def test_a_refused_key_is_noted_once_it_is_surely_the_stored_one(lin: World) -> None:
    lin.reply = lambda _: problem("invalid_api_key", status=401)
    with pytest.raises(Unauthorized):
        await lin.linarc().test()
    assert lin.vault.state == "reconnect"


async def test_a_key_replaced_meanwhile_is_used_and_stays_well(lin: World) -> None:
    connector = lin.linarc()
    lin.answers({"id": "t"})
    await connector.test()
    lin.vault.credential = lin.vault.credential.model_copy(update={"api_key": "key-2", "version": 1})

    def only_the_new(request: httpx.Request) -> httpx.Response:
        good = request.headers["authorization"] == "Bearer key-2"
        return httpx.Response(200, json={"id": "t"}) if good else problem("invalid_api_key", status=401)

    lin.reply = only_the_new
    assert await connector.test() == Tenant("t")
    assert lin.vault.state == "connected"


async def test_a_lost_creation_is_looked_for_in_every_page(lin: World) -> None:
    pages = {None: ([{**WIRE, "employee_number": "LN-6"}], "2"), "2": ([WIRE], None)}

    def reply(request: httpx.Request) -> httpx.Response:
        people, following = pages[request.url.params.get("cursor")]
        body = {
            "employees": people,
            "next_cursor": following,
            "as_of": "2026-11-23T11:00:00.000Z",
            "total": 2,
        }
        return httpx.Response(200, json=body)

    lin.reply = reply
    connector = lin.linarc()
    found = await connector.find_created(Write("create", "i", {"number": "LN-7"}))
    assert found is not None and found.employee.number == "LN-7"
    assert await connector.find_created(Write("create", "i", {"number": "LN-9"})) is None
    assert await connector.find_created(Write("create", "i", {"last_name": "Marrow"})) is None


@pytest.mark.parametrize(
    ("fields", "path", "body"),
    [
        ({"active": False}, "/api/v1/employees/e-1/deactivate", {}),
        (
            {"active": False, "end_date": "2026-11-20"},
            "/api/v1/employees/e-1/deactivate",
            {"end_date": "2026-11-20"},
        ),
        ({"active": True}, "/api/v1/employees/e-1/reactivate", {}),
    ],
)
async def test_who_leaves_or_comes_back_has_a_call_of_its_own(
    lin: World, fields: dict[str, object], path: str, body: dict[str, str]
) -> None:
    connector = lin.linarc()
    current = connector.parse(raw_record({**WIRE, "id": "e-1", "etag": "t1"}, "id"))
    assert isinstance(current, Remote)
    call = connector.prepare("k", [Write("update", "i", fields, current)])
    assert (call.method, call.path, call.headers["If-Match"]) == ("POST", path, '"t1"')
    assert orjson.loads(call.body) == body
    with pytest.raises(ValueError, match="of its own"):
        connector.prepare("k", [Write("update", "i", {**fields, "email": "a@b.example"}, current)])


async def test_reads_of_a_whole_directory_let_others_go_first(lin: World) -> None:
    lin.answers({"employees": [], "next_cursor": None, "as_of": "2026-11-23T11:00:00Z", "total": 0})
    connector = lin.linarc()
    await connector.read_page(None)
    await connector.read_page(None, since=SystemClock().now())
    assert [call["bulk"] for call in lin.gate.calls] == [True, False]


async def test_what_linarc_answered_stands_with_the_error(lin: World) -> None:
    body = {"code": "duplicate_email", "field": "email", "title": "Taken", "detail": "x@y.z has it"}
    lin.reply = lambda _: httpx.Response(409, json=body, headers={"X-Request-Id": "r-1"})
    connector = lin.linarc()
    (written,) = await connector.send(connector.prepare("k", [Write("create", "item", {"title": "x"})]))
    assert written.error is not None
    received = written.error.received
    assert received is not None
    answer = received.answer
    assert (answer.status, answer.code, answer.trace_id, answer.remote_text) == (
        409, "duplicate_email", "r-1", "Taken. x@y.z has it",
    )  # fmt: skip
    assert orjson.loads(received.body) == body
    assert "x@y.z" not in str(written.error)
