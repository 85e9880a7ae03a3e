"""What an answer of Linarc means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from shared.connectors.client import HttpResponse, read_json, received
from shared.connectors.linarc.wire import FROM_WIRE
from shared.errors import Conflict, MusterError, RateLimited, Received, Rejected, Unavailable

_CODES = {
    "duplicate_number": ("duplicate_number", "number"),
    "duplicate_email": ("duplicate_email", "email"),
    "missing_name": ("missing_name", "last_name"),
    "too_long": ("text_too_long", None),
    "invalid_email": ("invalid_email", "email"),
    "invalid_date": ("invalid_value", None),
    "unknown_field": ("unsupported_field", None),
    "read_only_field": ("unsupported_field", None),
}


def read(answer: HttpResponse, *, writes: bool = False) -> dict[str, Any]:
    """The JSON of a good answer. Raises what the answer means; a 5xx on a write may have been carried out."""
    try:
        body = read_json(answer.content)
    except ValueError:
        body = None
    if not answer.ok:
        problem = body if isinstance(body, dict) else {}
        error = _error(answer, problem, writes=writes)
        error.received = kept_answer(answer, problem)
        raise error
    if not isinstance(body, dict):
        raise Unavailable("linarc: an answer that is not JSON", outcome_unknown=writes)
    return body


def kept_answer(answer: HttpResponse, body: Mapping[str, Any]) -> Received:
    """What is kept of an answer; of a refusal with its code and its words."""
    code = "" if answer.ok else str(body.get("code") or "")
    words = () if answer.ok else (str(body.get(name) or "") for name in ("title", "detail"))
    return received(
        answer,
        body or None,
        code=code,
        trace_id=answer.headers.get("X-Request-Id", ""),
        remote_text=". ".join(dict.fromkeys(filter(None, words))),
    )


def _error(answer: HttpResponse, problem: Mapping[str, Any], *, writes: bool) -> MusterError:
    message = f"linarc: {answer.status} {problem.get('code', '')}".rstrip()
    match answer.status:
        case httpx.codes.TOO_MANY_REQUESTS:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.PRECONDITION_FAILED:
            return Conflict(message)
        case httpx.codes.NOT_FOUND:
            return Unavailable(message)
        case httpx.codes.REQUEST_TIMEOUT:
            return Unavailable(message, outcome_unknown=writes)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or httpx.codes.is_redirect(status):
            return Unavailable(message, outcome_unknown=writes)
        case _:
            return _refusal(problem, message)


def _refusal(problem: Mapping[str, Any], message: str) -> Rejected:
    field = FROM_WIRE.get(str(problem.get("field")))
    reason, known = _CODES.get(str(problem.get("code")), ("invalid_value" if field else "refused", None))
    return Rejected(reason, field=known or field, message=message)
