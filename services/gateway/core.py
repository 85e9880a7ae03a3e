"""Who may do what, and what a request is. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from enum import IntEnum
from uuid import UUID

import orjson

from shared.contracts.commands import MAX_IDS, Selected, SyncRecords

MAX_DEPTH = 32


class Role(IntEnum):
    """What a person or key may do in one company; each includes the ones before."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> "Role":
        """`viewer`, `operator` or `admin`."""
        return cls[name.upper()]


def secret_hash(secret: str) -> bytes:
    """How a random secret is stored: it has 256 bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def request_hash(method: str, path: str, body: bytes) -> bytes:
    """What makes two requests with one idempotency key the same."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).digest()


def parts(run_id: UUID, records: Sequence[Selected]) -> Iterable[SyncRecords]:
    """The commands of one selection, at most 500 records each, `part k of n`."""
    chunks = [records[i : i + MAX_IDS] for i in range(0, len(records), MAX_IDS)]
    for number, chunk in enumerate(chunks, 1):
        yield SyncRecords(
            run_id=run_id, records=tuple(chunk), part=number, parts=len(chunks), total=len(records)
        )


class BadJsonError(ValueError):
    """JSON that other programs would read differently, or that a database refuses."""


def check_json(body: bytes) -> None:
    """Refuse what is valid to some readers only: NUL, lone surrogates, NaN, nesting over 32. Raises `BadJsonError`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadJsonError("the body is not JSON") from None
    _check(value, 0)


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadJsonError("the body is nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise BadJsonError("the body holds a NUL character")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
