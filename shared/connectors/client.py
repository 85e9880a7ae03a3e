"""HTTP to the two systems: time limits on everything, no redirects, one error class for each way it can fail."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import orjson
from opentelemetry.trace import SpanKind

from shared.clock import Clock
from shared.connectors.limits import Limits
from shared.connectors.ports import Connector, RawRecord, Write
from shared.connectors.vault import Vault
from shared.contracts.records import Account, Remote, System
from shared.errors import Unavailable
from shared.telemetry import traces
from shared.telemetry.metrics import REMOTE_CALLS, REMOTE_SECONDS

MAX_ANSWER_BYTES = 10 * 1024 * 1024
TOTAL_SECONDS = 30.0
"""httpx limits each read, not the sum of them; the sum stays below a worker's lease."""
_TIMEOUT = httpx.Timeout(20, connect=5)
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_RETRY_SECONDS, _RETRY_SECONDS_MOST = 60.0, 3600.0
_SSN_KEY = re.compile(r"SSN|Ssn|(?<![A-Za-z])ssn|(?i:social[ _-]?(?:security|insurance))")
MASKED = "masked"
"""Stands in a raw record where a number was that we may not keep: a full update must not clear it."""
_UNREADABLE = "\ud800"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def checked_url(base_url: str) -> str:
    """The address itself, if it may be called: https, or http on this machine. Raises ValueError."""
    parts = urlsplit(base_url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return base_url.rstrip("/")
    msg = "an account's address is https, or http on this machine only"
    raise ValueError(msg)


class _TooLargeError(Exception):
    """The answer is larger than any that the systems document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return httpx.codes.is_success(self.status)

    def retry_after(self) -> float:
        """Seconds to wait: what the header says, within reason, or a minute."""
        text = self.headers.get("Retry-After", "").strip()
        if not (text.isascii() and text.isdecimal()):
            return _RETRY_SECONDS
        return min(float(text), _RETRY_SECONDS_MOST)


class Http:
    """Calls one system."""

    def __init__(
        self, system: System, base_url: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._system = system
        self._client = httpx.AsyncClient(
            base_url=checked_url(base_url),
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        writes: bool = False,
        headers: Mapping[str, str],
        seconds: float | None = None,
        **more: Any,
    ) -> Answer:
        """The answer, whatever its status. Raises `Unavailable`; for a write that was sent, with its outcome unknown."""
        started = time.monotonic()
        outcome = "error"
        try:
            with traces.span(f"{self._system} {operation}", SpanKind.CLIENT, writes=int(writes)):
                async with asyncio.timeout(seconds or TOTAL_SECONDS):
                    answer = await self._exchange(method, path, headers=dict(headers), **more)
            outcome = str(answer.status)
        except _NOT_SENT as error:
            raise Unavailable(f"{self._system}: {type(error).__name__}") from error
        except (httpx.RequestError, TimeoutError, _TooLargeError) as error:
            raise Unavailable(f"{self._system}: {type(error).__name__}", outcome_unknown=writes) from error
        else:
            return answer
        finally:
            took = time.monotonic() - started
            REMOTE_CALLS.labels(system=self._system, operation=operation, outcome=outcome).inc()
            REMOTE_SECONDS.labels(system=self._system, operation=operation).observe(took)

    async def _exchange(self, method: str, path: str, **more: Any) -> Answer:
        async with self._client.stream(method, path, **more) as response:
            parts: list[bytes] = []
            left = MAX_ANSWER_BYTES
            async for part in response.aiter_bytes():
                left -= len(part)
                if left < 0:
                    raise _TooLargeError
                parts.append(part)
            return Answer(response.status_code, response.headers, b"".join(parts))

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


def read_json(content: bytes) -> Any:
    """The value of an answer. Raises ValueError.

    Half a surrogate pair or a broken byte does not spoil the whole page: it stays where it is, and `raw_record`
    escapes it, so that only its own record cannot be parsed.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        text = content.decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, parse_constant=lambda _: _UNREADABLE)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def raw_record(wire: Any, id_key: str) -> RawRecord:
    """One record of an answer. Social security numbers, masked or not, go before anything is hashed or kept.

    Raises ValueError when it has no id.
    """
    if not isinstance(wire, dict) or wire.get(id_key) in (None, ""):
        raise ValueError("a record without an id")
    # Where both systems have it; only what still looks like one is worth a walk (8 µs a record instead of 25).
    if wire.pop("SSN", None) or wire.pop("ssn", None):
        wire[MASKED] = True
    payload = _dumped(wire)
    lower = payload.lower()
    if b"ssn" in lower or b"social" in lower:
        payload = _dumped(_without_ssn(wire))
    return RawRecord(str(wire[id_key]), payload, hashlib.blake2b(payload, digest_size=16).digest())


def _dumped(wire: Any) -> bytes:
    try:
        return orjson.dumps(wire)
    except TypeError:
        return json.dumps(wire, separators=(",", ":")).encode()


def _without_ssn(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ssn(inner) for key, inner in value.items() if not _SSN_KEY.search(key)}
    if isinstance(value, list):
        return [_without_ssn(inner) for inner in value]
    return value


def load_record(payload: bytes) -> dict[str, Any]:
    """A raw record's fields. Raises ValueError for what PostgreSQL cannot keep: half a surrogate pair, NUL."""
    wire = orjson.loads(payload)
    if not isinstance(wire, dict) or (b"\\u0000" in payload and _has_nul(wire)):
        raise ValueError("unreadable")
    return wire


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def was_created_by(write: Write, found: Remote) -> bool:
    """Whether number and e-mail are the ones that were sent; equal names alone prove nothing."""
    sent = {name: write.fields[name] for name in ("number", "email") if write.fields.get(name)}
    return bool(sent) and all(getattr(found.employee, name) == value for name, value in sent.items())


class Connectors:
    """One connector an account, kept while the account stays as it is."""

    def __init__(self, vault: Vault, limits: Limits, clock: Clock) -> None:
        self._vault = vault
        self._limits = limits
        self._clock = clock
        self._open: dict[UUID, tuple[Account, Connector]] = {}

    async def get(self, account: Account, company: UUID) -> Connector:
        """The connector of `account`."""
        known = self._open.get(account.account_id)
        if known is not None and known[0] == account:
            return known[1]
        connector = make_connector(account, company, self._vault, self._limits, self._clock)
        self._open[account.account_id] = (account, connector)
        if known is not None:
            await known[1].close()
        return connector

    async def close(self) -> None:
        """Close all of them."""
        for _, connector in self._open.values():
            await connector.close()
        self._open.clear()


def make_connector(account: Account, company: UUID, vault: Vault, limits: Limits, clock: Clock) -> Connector:
    """A connector for one account of `company`."""
    from shared.connectors.linarc import Linarc  # noqa: PLC0415  (the systems build on this file)
    from shared.connectors.oauth import Tokens  # noqa: PLC0415
    from shared.connectors.quickbooks import QuickBooks  # noqa: PLC0415

    http = Http(account.system, account.base_url)
    gate = limits.gate(company, account)
    match account.system:
        case System.LINARC:
            return Linarc(http, gate, vault, company, account, clock)
        case System.QUICKBOOKS:
            tokens = Tokens(vault, company, account.account_id, clock, http)
            return QuickBooks(http, gate, tokens, account, clock)
