"""Who may do what, what a request is, which requests no route sees, and what a page is sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.gateway.core import (
    BadRequestError,
    Ring,
    bucket,
    check_base_url,
    check_json,
    check_target,
    parse_key,
    parts,
    request_hash,
    secret_hash,
)
from services.gateway.core.mapping import compare, refused_decision, with_values
from shared.contracts.cases import Decision
from shared.contracts.commands import MAX_IDS, Selected
from shared.contracts.events import ViewChanged
from shared.domain.values import Status
from shared.domain.visibility import Role

RUN = UUID(int=1)
KEY = "mk_0123456789ab_" + "A" * 43


@pytest.mark.parametrize(
    ("kind", "record", "found", "problem"),
    [
        ("link", {}, {}, None),
        ("link", {}, {"linked_to": str(UUID(int=1))}, None),
        ("link", {}, {"linked_to": str(UUID(int=2))}, "conflict"),
        ("link", {}, {"state": "removed"}, "conflict"),
        ("link", {}, {"state": "unreadable"}, None),
        ("link", {}, {"side": "source"}, "invalid"),
        ("link", {}, {"side": None}, "invalid"),
        ("link", {}, None, "not-found"),
        ("link", None, {}, "not-found"),
        ("link", {"side": "destination"}, {}, "invalid"),
        ("link", {"state": "removed"}, {}, "conflict"),
        ("link", {"state": "unreadable"}, {}, "conflict"),
        ("unlink", {}, None, "conflict"),
        ("unlink", {"linked_to": "x", "state": "removed"}, None, None),
        ("unlink", {"linked_to": "x", "state": "unreadable"}, None, None),
        ("create", {"linked_to": "x"}, None, None),
        ("create", {"state": "removed"}, None, "conflict"),
        ("not_same", {}, {"linked_to": str(UUID(int=2))}, None),
        ("not_same", {}, {"linked_to": str(UUID(int=1))}, "conflict"),
        ("not_same", {}, {"side": "source"}, "invalid"),
        ("not_same", {}, None, "not-found"),
        ("later", {}, None, None),
        ("exclude", {"state": "removed"}, None, None),
        ("exclude", {"excluded": True}, None, "conflict"),
        ("link", {"excluded": True}, {}, "conflict"),
        ("create", {"excluded": True}, None, "conflict"),
        ("include", {"excluded": True}, None, None),
        ("include", {}, None, "conflict"),
        ("undo", {"undo": "link"}, None, None),
        ("undo", {}, None, "conflict"),
        ("link", {"link_rev": 8}, {}, "conflict"),
    ],
)
def test_a_decision_is_refused_only_where_nothing_would_come_of_it(
    kind: Decision, record: dict[str, Any] | None, found: dict[str, Any] | None, problem: str | None
) -> None:
    here: dict[str, Any] = {"side": "source", "state": "present", "linked_to": None}
    decided = {"link_rev": 7, "excluded": False, "undo": None}
    one = here | decided | record if record is not None else None
    other = here | {"side": "destination"} | found if found is not None else None
    refused = refused_decision(kind, one, other, UUID(int=1), 7)
    assert (refused[0] if refused else None) == problem


def test_two_records_are_compared_in_their_forms_and_a_missing_value_says_nothing() -> None:
    here = {"number": "7", "mobile": "(503) 555-0132", "bill_rate": "20.5", "active": True, "masked": []}
    there = {"number": "8", "mobile": "+15035550132", "bill_rate": "20.50", "title": "Foreman"}
    found = {f.field: (f.source, f.destination, f.equal) for f in compare(here, there, {"bill_rate": 2})}
    assert found == {
        "number": ("7", "8", False), "mobile": ("(503) 555-0132", "+15035550132", True),
        "bill_rate": ("20.5", "20.50", True), "active": ("yes", None, None), "title": (None, "Foreman", None),
    }  # fmt: skip


def test_a_part_shows_the_values_that_it_compares_and_none_that_was_left_out() -> None:
    parts = [{"field": f} for f in ("phone", "city", "birth_date")]
    here = {"phone": "1", "mobile": "2", "address_city": "Salem"}
    there = {"phone": "1", "birth_date": "1980-01-01"}
    assert with_values(parts, here, there) == [
        {"field": "phone", "source": "2 / 1", "destination": "1"},
        {"field": "city", "source": "Salem", "destination": None},
        {"field": "birth_date", "source": None, "destination": "1980-01-01"},
    ]
    assert with_values(parts[:1], None, there) == [{"field": "phone", "source": None, "destination": "1"}]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.1", "203.0.113.1", True),
        ("203.0.113.1", "203.0.113.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_one_client_is_an_address_or_the_network_of_a_site(one: str, other: str, same: bool) -> None:
    assert (bucket(5, "client", one) == bucket(5, "client", other)) is same
    assert bucket(5, "client", one) != bucket(5, "keys", one)


def test_each_role_includes_the_ones_before() -> None:
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN
    assert [Role.named(name) for name in ("viewer", "operator", "admin")] == list(Role)


@pytest.mark.parametrize("name", ["", "owner", "ADMIN ", "__class__"])
def test_there_are_no_other_roles(name: str) -> None:
    with pytest.raises(KeyError):
        Role.named(name)


def test_requests_are_the_same_when_method_path_and_body_are() -> None:
    same = request_hash("POST", "/a", b"{}")
    others = [
        ("PUT", "/a", b"{}"),
        ("POST", "/b", b"{}"),
        ("POST", "/a", b"{ }"),
        ("POST", "/a\0", b"{}"[1:]),
    ]

    assert request_hash("POST", "/a", b"{}") == same
    assert same not in {request_hash(*other) for other in others}


def test_a_stored_secret_is_not_the_secret() -> None:
    assert len(secret_hash("s")) == 32
    assert secret_hash("s") != secret_hash("t")


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}"])
def test_a_key_has_a_public_part_and_a_secret(header: str) -> None:
    assert parse_key(header) == ("0123456789ab", "A" * 43)


@pytest.mark.parametrize(
    "header",
    [
        "",
        KEY,
        f"Basic {KEY}",
        f"Bearer {KEY}A",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}\n",
        f"Bearer  {KEY}",
        f"Bearer {KEY.replace('_0', '_G')}",
        f"Bearer {KEY[:-1]}\x00",
        f"Bearer {KEY[:-1]}é",
    ],
)
def test_anything_else_is_no_key(header: str) -> None:
    assert parse_key(header) is None


@pytest.mark.parametrize("count", [1, MAX_IDS - 1, MAX_IDS, MAX_IDS + 1, 2 * MAX_IDS, 2 * MAX_IDS + 1])
def test_a_selection_is_sent_whole_in_order_and_in_counted_parts(count: int) -> None:
    records = [Selected(record_id=UUID(int=i), source_rev=i, status=Status.NEEDS_SYNC) for i in range(count)]
    commands = list(parts(RUN, records))

    assert [r for c in commands for r in c.records] == records
    assert [c.part for c in commands] == list(range(1, len(commands) + 1))
    assert {(c.parts, c.total, c.run_id) for c in commands} == {(len(commands), count, RUN)}
    assert all(0 < len(c.records) <= MAX_IDS for c in commands)


def test_nothing_selected_is_no_command() -> None:
    assert list(parts(RUN, [])) == []


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1, -2.5e3, true, null]",
        b'{"a": {"a": "a"}}',
        '{"é": "😀"}'.encode(),
        b'"\\ud83d\\ude00"',
        b"[" * 33 + b"]" * 33,
        b"9" * 40,
    ],
)
def test_plain_json_passes(body: bytes) -> None:
    check_json(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"{} {}", "malformed"),
        (b"{'a': 1}", "malformed"),
        (b"NaN", "malformed"),
        (b"-Infinity", "malformed"),
        (b"\xff", "malformed"),
        (b'"\xed\xa0\x80"', "malformed"),
        (b'"\\ud800"', "malformed"),
        (b'"\\udc00\\ud800"', "malformed"),
        (b'{"\\ud800": 1}', "malformed"),
        (b'"\x00"', "malformed"),
        (b'"\\u0000"', "invalid"),
        (b'{"\\u0000": 1}', "invalid"),
        (b'[{"a": ["\\u0000"]}]', "invalid"),
        (b'{"a": 1, "a": 1}', "invalid"),
        (b'{"a": 1, "\\u0061": 1}', "invalid"),
        (b'[{"b": {"a": 1, "a": 2}}]', "invalid"),
        (b"[" * 34 + b"]" * 34, "invalid"),
        (b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b', "a": 1}', "invalid"),
        (b"[" * 5000, "malformed"),
        (b"9" * 41, "invalid"),
        (b"-" + b"9" * 300, "invalid"),
        (b"9" * 5000, "malformed"),
    ],
)
def test_json_that_only_some_understand_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        check_json(body)

    assert refused.value.kind == kind


def test_an_address_in_utf_8_passes() -> None:
    check_target("/v1/é/%C3%A9".encode(), b"q=%F0%9F%98%80+a%20b&x")


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        (b"/%00", b"", "invalid"),
        (b"/\x00", b"", "invalid"),
        (b"/", b"q=%00", "invalid"),
        (b"/", b"%00=1", "invalid"),
        (b"/%ff", b"", "malformed"),
        (b"/", b"q=%c3", "malformed"),
        (b"/", b"q=%ed%a0%80", "malformed"),
        (b"/", b"q=\xff", "malformed"),
    ],
)
def test_any_other_address_is_refused(path: bytes, query: bytes, kind: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        check_target(path, query)

    assert refused.value.kind == kind


@pytest.mark.parametrize("url", ["https://a.example", "http://127.0.0.1:8080/x", "https://[::1]:1/"])
def test_an_address_that_can_be_called_passes(url: str) -> None:
    check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///x",
        "a.example",
        "https://a:0",
        "https://a:99999",
        "https://a:b",
        "https://u@a",
        "https://u:p@a",
        "https://a/?b",
        "https://a?",
        "https://a/#b",
        "https://a b",
        "https://a\n",
        "https://é",
        "https://[x",
    ],
)
def test_an_address_that_cannot_be_called_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_base_url(url)


def test_a_ring_is_complete_or_says_that_it_is_not() -> None:
    mine, other = UUID(int=7), UUID(int=8)
    bodies = {
        c: ViewChanged(company_id=c, position=1, records=(c,)).model_dump_json().encode()
        for c in (mine, other)
    }
    ring = Ring(5, most=3 * len(bodies[mine]))
    assert ring.since(mine, 5) == []
    for offset in range(5, 9):
        ring.add(offset, mine if offset % 2 else other, bodies[mine if offset % 2 else other])
    assert ring.since(mine, 5) is None
    assert ring.since(mine, 4) is None
    assert ring.since(mine, 10) is None
    assert len(ring.since(mine, 6) or ()) == 1
    assert ring.since(mine, 9) == []
