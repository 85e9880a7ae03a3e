"""A record is a message or poison, whatever its bytes are."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.contracts.events import SourceChanged
from shared.messaging.parse import PoisonError, parse

ID = b"00000000-0000-0000-0000-000000000009"
HEADERS = [
    ("ce_id", ID),
    ("ce_type", b"source.changed"),
    ("ce_time", b"2026-11-23T12:00:00+00:00"),
    ("ce_companyid", ID),
]


def read(remote_id: bytes) -> str:
    """The id as it was understood; `record_id` and `account_id` are well."""
    body = b'{"record_id":"%b","account_id":"%b","remote_id":%b}' % (ID, ID, remote_id)
    record: Any = ConsumerRecord("notifications.v1", 0, 0, 0, 0, None, body, 0, len(body), 0, HEADERS)
    found: Any = parse(record, {b"source.changed": SourceChanged}).message.body
    return str(found.remote_id)


@pytest.mark.parametrize(
    ("text", "meant"),
    [(rb'"\\u0000"', r"\u0000"), (rb'"\\\\u0000"', r"\\u0000"), (rb'"\n\\u0000\u0001"', "\n\\u0000\x01")],
)
def test_a_backslash_before_u0000_is_no_nul(text: bytes, meant: str) -> None:
    assert read(text) == meant


@pytest.mark.parametrize("text", [rb'"\u0000"', rb'"\\\u0000"', rb'"\\u0000\u0000"', rb'"\n\u0000"'])
def test_the_escape_of_nul_is_poison(text: bytes) -> None:
    with pytest.raises(PoisonError) as caught:
        read(text)
    assert caught.value.reason == "nul_character"


@pytest.mark.parametrize("depth", [1, 200, 300, 500, 2000, 100_000])
def test_it_is_poison_however_deep_it_stands(depth: int) -> None:
    with pytest.raises(PoisonError):
        read(b"[" * depth + rb'"\u0000"' + b"]" * depth)
