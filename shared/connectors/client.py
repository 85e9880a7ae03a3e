"""HTTP to the systems: time limits on everything, no redirects, one error class for each way it can fail."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from opentelemetry.trace import SpanKind

from shared.connectors.ports import RawRecord, Write
from shared.connectors.reading import Broken
from shared.domain.employee import Remote
from shared.domain.forms import same
from shared.egress import Allowed, GuardedTransport
from shared.errors import Received, RemoteAnswer, Unavailable
from shared.settings import EgressSettings
from shared.systems import SYSTEMS
from shared.telemetry import traces
from shared.telemetry.metrics import REMOTE_CALLS, REMOTE_SECONDS

MAX_ANSWER_BYTES = 10 * 1024 * 1024
TOTAL_SECONDS = 30.0
"""httpx limits each read, not the sum of them; the sum stays below a worker's lease."""
_TIMEOUT = httpx.Timeout(TOTAL_SECONDS, connect=5)
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_RETRY_SECONDS, _RETRY_SECONDS_MOST = 60.0, 3600.0
_SSN_KEY = re.compile(r"SSN|Ssn|(?<![A-Za-z])ssn|(?i:social[ _-]?(?:security|insurance))")
MASKED = "masked"
"""Stands in a raw record where a number was that we may not keep: a full update must not clear it."""
_UNREADABLE = "\ud800"
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_LONGEST_ID = 255
_LONGEST_WORD, _LONGEST_TEXT, _LONGEST_BODY = 80, 1000, 50_000
"""Of what is kept of an answer: a code, a text, and a body, in characters."""


def allowed(system: str, egress: EgressSettings) -> Allowed:
    """Where requests for accounts of `system` may go."""
    return Allowed(SYSTEMS[system].hosts | egress.of(system), egress.loopback)


def guarded(system: str, egress: EgressSettings) -> GuardedTransport:
    """The way to `system`, and to nothing else."""
    return GuardedTransport(allowed(system, egress), _LIMITS)


class _TooLargeError(Exception):
    """The answer is larger than any that the systems document."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
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

    def __init__(self, system: str, base_url: str, transport: httpx.AsyncBaseTransport) -> None:
        """`transport` decides where requests may go: `guarded`, whatever the addresses that a company gave."""
        self._system = system
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=_TIMEOUT,
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
    ) -> HttpResponse:
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

    async def _exchange(self, method: str, path: str, **more: Any) -> HttpResponse:
        async with self._client.stream(method, path, **more) as response:
            parts: list[bytes] = []
            left = MAX_ANSWER_BYTES
            async for part in response.aiter_bytes():
                left -= len(part)
                if left < 0:
                    raise _TooLargeError
                parts.append(part)
            return HttpResponse(response.status_code, response.headers, b"".join(parts))

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
    return RawRecord(remote_id_of(wire, id_key), payload, hashlib.blake2b(payload, digest_size=16).digest())


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


def received(
    answer: HttpResponse, body: Any, *, code: str = "", trace_id: str = "", remote_text: str = ""
) -> Received:
    """What is kept of an answer, or of one member's part `body` of it; what is no JSON is kept as a text, shortened."""
    if body is None:
        body = answer.content[:_LONGEST_TEXT].decode(errors="replace")
        body = "" if _SSN_KEY.search(body) else body
    kept = _dumped(_without_ssn(body))
    if len(kept) > _LONGEST_BODY:
        kept = _dumped(kept[:_LONGEST_BODY].decode(errors="replace"))
    text = _NOT_TEXT.sub("\ufffd", remote_text)[:_LONGEST_TEXT]
    return Received(RemoteAnswer(answer.status, _word(code), _word(trace_id), text), kept.decode())


def _word(text: str) -> str:
    """A code or a name of theirs, where it is one."""
    return text[:_LONGEST_WORD] if text.isascii() and text.isprintable() else ""


def remote_id_of(wire: Mapping[str, Any], id_key: str) -> str:
    """A record's id; of one that is too long, its beginning and a digest, which stays the same."""
    known = str(wire[id_key])
    if len(known) <= _LONGEST_ID and "\0" not in known and known.isprintable():
        return known
    digest = hashlib.blake2b(known.encode(errors="backslashreplace"), digest_size=16).hexdigest()
    return f"{''.join(filter(str.isprintable, known[:32]))}~{digest}"


def load_record(payload: bytes) -> tuple[dict[str, Any], str]:
    """A raw record's fields, and the record as text that PostgreSQL can keep.

    Text with NUL or half a surrogate pair comes as `Broken`, with a mark in its place. Raises ValueError.
    """
    try:
        wire = orjson.loads(payload)
        clean = b"\\u0000" not in payload
    except orjson.JSONDecodeError:
        wire, clean = json.loads(payload), False
    if not isinstance(wire, dict):
        raise ValueError("unreadable")  # noqa: TRY004  (as for everything that is no record)
    if clean:
        return wire, payload.decode()
    wire = _fixed(wire)
    return wire, orjson.dumps(wire).decode()


def _fixed(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(_fixed(key)): _fixed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(_fixed, value))
    if isinstance(value, str) and _NOT_TEXT.search(value):
        return Broken(_NOT_TEXT.sub("\ufffd", value))
    return value


def was_created_by(write: Write, found: Remote) -> bool:
    """Whether number and e-mail are the ones that were sent; equal names alone prove nothing."""
    sent = {name: write.fields[name] for name in ("number", "email") if write.fields.get(name)}
    return bool(sent) and all(same(name, getattr(found.employee, name), v) for name, v in sent.items())
