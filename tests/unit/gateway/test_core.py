"""Who may do what, what a request is, which requests no route sees, and what a page is told."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.gateway.core import (
    BadRequestError,
    Ring,
    Role,
    check_base_url,
    check_json,
    check_target,
    parse_key,
    parts,
    request_hash,
    secret_hash,
)
from shared.contracts.commands import MAX_IDS, Selected
from shared.contracts.events import ViewChanged
from shared.contracts.records import Status

RUN = UUID(int=1)
KEY = "mk_0123456789ab_" + "A" * 43


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
def test_a_selection_is_told_whole_in_order_and_in_counted_parts(count: int) -> None:
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
