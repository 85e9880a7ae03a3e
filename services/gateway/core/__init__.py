"""Who may do what, what a request is, and what a page is sent. Pure."""

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit
from uuid import UUID

import orjson
from pydantic import ValidationError

from shared.contracts.commands import MAX_IDS, CreatePlan, Selected, SyncRecords
from shared.contracts.events import ViewChanged

MAX_DEPTH = 32
MAX_DIGITS = 40
"""No number of ours is longer, and Python reads none of over 4,300 digits."""
RING_BYTES = 2_000_000
"""Of hints kept for each partition."""
MOST = 500
"""Ids that a page is sent at once: as many as one `GET …/records?ids=` answers."""
_TOO_DEEP = f"A body is nested at most {MAX_DEPTH} deep."
_KEY = re.compile(r"[Bb]earer mk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Attempts that are counted together; so many may fail before the next one must wait."""

    key: bytes
    free: int


def bucket(free: int, *parts: str) -> Bucket:
    """The bucket of these parts, the last of which is a client's address. An IPv6 network of one site is one client."""
    *kind, address = parts
    try:
        found = ip_address(address)
    except ValueError:
        network = address
    else:
        network = str(ip_network((found, 64 if found.version == 6 else 32), strict=False))  # noqa: PLR2004
    return Bucket(hashlib.sha256("\0".join((*kind, network)).encode()).digest(), free)


def shortened(text: str, most: int = 120) -> str:
    """A header's value as a log may show it: printable ASCII, and not too much of it."""
    return "".join(c for c in text if c.isascii() and c.isprintable())[:most]


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


def plan_parts(plan_id: UUID, records: Sequence[Selected], *, apply: bool) -> Iterable[CreatePlan]:
    """The commands that plan a selection, at most 500 records each, `part k of n`."""
    chunks = [records[i : i + MAX_IDS] for i in range(0, len(records), MAX_IDS)]
    for number, chunk in enumerate(chunks, 1):
        yield CreatePlan(
            run_id=plan_id,
            records=tuple(chunk),
            part=number,
            parts=len(chunks),
            total=len(records),
            apply=apply,
        )


def parse_key(authorization: str) -> tuple[str, str] | None:
    """The public part and the secret of `Bearer mk_<id>_<secret>`; None where it is no API key of ours."""
    match = _KEY.fullmatch(authorization)
    return (match[1], match[2]) if match else None


class Secret(NamedTuple):
    """What deliveries may be signed with, until when: for good, or a day after another has replaced it."""

    secret: str
    until: datetime | None = None


OVERLAP = timedelta(days=1)
"""For so long a replaced secret is still accepted."""


def rotated(secrets: Sequence[Secret], secret: str, now: datetime) -> list[Secret]:
    """The secrets once `secret` is the one to sign with: the one before it ends in a day, older ones at once."""
    return [Secret(secret), *(Secret(one.secret, now + OVERLAP) for one in secrets[:1])]


def good_secrets(secrets: Iterable[Secret], now: datetime) -> list[str]:
    """Those that are accepted now, the newest first."""
    return [one.secret for one in secrets if one.until is None or one.until > now]


class BadRequestError(ValueError):
    """A request that no route should see. `kind` is the problem's type; the text is for people."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def check_target(path: bytes, query: bytes) -> None:
    """Refuse an address that is not UTF-8, or that holds NUL, which no database takes. Raises `BadRequestError`."""
    for part in (path, query):
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise BadRequestError("malformed", "An address is text in UTF-8.") from None
        if "\x00" in text:
            raise BadRequestError("invalid", "An address holds no NUL character.")


def check_json(body: bytes) -> None:
    """Refuse what only some readers understand, or read alike. Raises `BadRequestError`.

    Malformed: not JSON in UTF-8, a lone surrogate, NaN. Invalid: NUL, a field given twice, nesting over 32.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequestError("malformed", "The body is not JSON in UTF-8.") from None
    _check(value, 0)
    try:
        json.loads(body, object_pairs_hook=_once_each, parse_int=_short)
    except RecursionError:  # below a field that is given twice, orjson keeps only the last
        raise BadRequestError("invalid", _TOO_DEEP) from None


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadRequestError("invalid", _TOO_DEEP)
    if isinstance(value, str):
        if "\x00" in value:
            raise BadRequestError("invalid", "A text holds no NUL character.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


def _once_each(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise BadRequestError("invalid", "A field is given twice.")


def _short(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRequestError("invalid", f"A number has at most {MAX_DIGITS} digits.")
    return 0


def check_base_url(url: str) -> None:
    """Refuse an address that an HTTP client could not call, or that would hold a secret. Raises ValueError."""
    parts = urlsplit(url)
    whole = parts.hostname and url.isascii() and url.isprintable() and " " not in url
    if not whole or parts.port == 0 or "@" in parts.netloc or "?" in url or "#" in url:
        msg = "an account's address has a host, and no password, query or fragment"
        raise ValueError(msg)


class Ring:
    """The recent hints of one partition, as they came: complete from `first` up to, not with, `next`."""

    def __init__(self, start: int, most: int = RING_BYTES) -> None:
        self.first = self.next = start
        self._hints: deque[tuple[int, UUID, bytes]] = deque()
        self._room = most

    def add(self, offset: int, company: UUID, body: bytes) -> None:
        """Keep the newest hint, and as many before it as there is room for."""
        self._hints.append((offset, company, body))
        self.next = offset + 1
        self._room -= len(body)
        while self._room < 0:
            gone, _, dropped = self._hints.popleft()
            self.first = gone + 1
            self._room += len(dropped)

    def since(self, company: UUID, position: int) -> list[ViewChanged] | None:
        """The company's hints from `position` on; None where that is too old, or was never reached here."""
        if not self.first <= position <= self.next:
            return None
        return [
            hint
            for offset, whose, body in self._hints
            if whose == company and offset >= position and (hint := read(company, body)) is not None
        ]


def read(company: UUID, body: bytes) -> ViewChanged | None:
    """The hint, if it is one and this company's."""
    try:
        hint = ViewChanged.model_validate_json(body)
    except ValidationError:
        return None
    return hint if hint.company_id == company else None


def frame(place: str, hints: Iterable[ViewChanged]) -> bytes:
    """One event for all of these hints, in the stream's own format."""
    records: dict[UUID, None] = {}
    runs: dict[UUID, None] = {}
    many = False
    for hint in hints:
        many = many or hint.records is None
        records |= dict.fromkeys(hint.records or ())
        runs |= dict.fromkeys(hint.runs)
    if len(runs) > MOST:
        return resync(place)
    named = None if many or len(records) > MOST else list(records)
    data = orjson.dumps({"records": named, "runs": list(runs), "counts": True})
    return b"id: %b\nevent: changed\ndata: %b\n\n" % (place.encode(), data)


def resync(place: str) -> bytes:
    """The event that says: fetch everything again."""
    return b"id: %b\nevent: resync\ndata: {}\n\n" % place.encode()
