"""What QuickBooks' answers mean. The status decides first; a fault may stand in a 200, or be XML, HTML or nothing."""

from __future__ import annotations

import re
from typing import Any

import httpx

from shared.connectors.client import HttpResponse, read_json, received
from shared.connectors.quickbooks.wire import FIELDS
from shared.errors import Conflict, MusterError, RateLimited, Received, Rejected, Unauthorized, Unavailable
from shared.systems.quickbooks import SYSTEM

_FIELD_IN_TEXT = re.compile(rf"\b({'|'.join(map(re.escape, sorted(FIELDS, key=len, reverse=True)))})\b")
_CODE_IN_TEXT = re.compile(rb"errorCode=(\d+)|code=\"(\d+)\"")
_REJECTED = {
    "610": ("deleted_at_destination", None),
    "1040": ("internal", None),
    "1050": ("internal", None),
    "2010": ("unsupported_field", None),
    "2020": ("missing_value", None),
    "2030": ("deleted_at_destination", None),
    "2040": ("invalid_name", None),
    "2050": ("text_too_long", None),
    "2090": ("invalid_value", None),
    "2170": ("invalid_value", None),
    "2210": ("invalid_email", "email"),
    "2500": ("invalid_value", None),
    "4000": ("internal", None),
    "4001": ("internal", None),
    "5020": ("not_permitted", None),
    "5030": ("not_available", None),
    "6080": ("missing_name", "last_name"),
    "6190": ("subscription_lapsed", None),
    "6240": ("duplicate_name", "display_name"),
}
"""Any other code is `refused`: the JSON view shows what QuickBooks answered."""
_STATES = {"120": "no_rights", "3100": "wrong_company"}
_OF_ANOTHER = "100"
"""With a 401: the token is good, but of another company. No refresh cures that."""
_TOO_OLD = re.compile(rb"changedSince|30 days", re.IGNORECASE)
"""In what change data capture answers, as a 400 or a 500, when it is asked for changes of longer ago."""
_AUTHENTICATION = frozenset({"100", "3200", *_STATES})
_THROTTLED = "3001"
_STALE = "5010"
_OUTAGE = "500"
"""Unsupported operation; also seen for valid calls in an outage (qbo_api#81). Nothing was done."""
_UNCERTAIN = frozenset({"600", "10000"})
_REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.INTERNAL_SERVER_ERROR)
_UNCERTAIN_AGAIN = _UNCERTAIN | {"6000"}
"""A general refusal of a repeated request also comes where the first one was carried out."""


class TooLarge(Rejected):
    """The body is larger than what stands before QuickBooks takes; nothing was done."""


class TooOld(Rejected):
    """Change data capture does not reach back so far."""


def read(answer: HttpResponse, *, writes: bool, again: bool = False) -> dict[str, Any]:
    """The JSON of a good answer; raises what any other means. `again`: the request was sent before."""
    try:
        body = read_json(answer.content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        fault = body.get("Fault") or body.get("fault")
        if answer.ok and not fault:
            return body
        code, field = fault_code(fault)
        kept = kept_answer(answer, body, fault)
        if answer.status == httpx.codes.UNAUTHORIZED and fault and fault.get("type") == "SERVICE":
            code = _OF_ANOTHER
    else:
        found = _CODE_IN_TEXT.search(answer.content[:2000])
        code, field = (found[found.lastindex or 0].decode().lstrip("0") if found else ""), None
        kept = received(answer, None, code=code, trace_id=trace_id(answer))
        if answer.ok and not code:
            strange = f"quickbooks: an answer that is not JSON{_trace(answer)}"
            raise _with(Unavailable(strange, outcome_unknown=writes), kept)
    if not writes and answer.status in _REFUSED and _TOO_OLD.search(answer.content):
        raise TooOld("internal", message=f"quickbooks: {answer.status}, too long ago{_trace(answer)}")
    raise _with(_status_error(answer, code, field, writes=writes, again=again), kept)


def _with(error: MusterError, kept: Received) -> MusterError:
    error.received = kept
    return error


def trace_id(answer: HttpResponse) -> str:
    """Intuit's name of the exchange, which its support asks for."""
    tid = answer.headers.get("intuit_tid", "")
    return tid[:80] if tid.isascii() and tid.isprintable() else ""


def _trace(answer: HttpResponse) -> str:
    tid = trace_id(answer)
    return f", intuit_tid {tid}" if tid else ""


def kept_answer(answer: HttpResponse, body: Any, fault: Any = None) -> Received:
    """What is kept of an answer, or of one item's part of it, with its fault's first error."""
    code, text = "", ""
    if (error := _first_error(fault)) is not None:
        code = str(error.get("code") or "").lstrip("0")
        words = (error.get("Message") or error.get("message"), error.get("Detail") or error.get("detail"))
        text = " ".join(dict.fromkeys(str(word) for word in words if word))
    return received(answer, body, code=code, trace_id=trace_id(answer), remote_text=text)


def _first_error(fault: Any) -> dict[str, Any] | None:
    errors = (fault.get("Error") or fault.get("error")) if isinstance(fault, dict) else None
    error = errors[0] if isinstance(errors, list) and errors else errors
    return error if isinstance(error, dict) else None


def _status_error(
    answer: HttpResponse, code: str, field: str | None, *, writes: bool, again: bool
) -> MusterError:
    message = f"quickbooks: {answer.status}, code {code or 'none'}{_trace(answer)}"
    match answer.status:
        case httpx.codes.TOO_MANY_REQUESTS:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.FORBIDDEN if code == _THROTTLED:
            return RateLimited(message, retry_after=answer.retry_after())
        case httpx.codes.UNAUTHORIZED if code == _OF_ANOTHER:
            return Unauthorized(SYSTEM.id, message, state="wrong_company")
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return Unauthorized(SYSTEM.id, message, state=_STATES.get(code, "reconnect"))
        case httpx.codes.NOT_FOUND:
            # The address is wrong; an employee that does not exist is a 400 with code 610.
            return Unavailable(message)
        case httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge("text_too_long", message=message)
        case httpx.codes.REQUEST_TIMEOUT:
            return Unavailable(message, outcome_unknown=writes)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or httpx.codes.is_redirect(status):
            return Unavailable(message, outcome_unknown=writes)
        case _:
            after = answer.retry_after()
            return code_error(code, field, message, writes=writes, again=again, retry_after=after)


def fault_code(fault: Any) -> tuple[str, str | None]:
    """The first error's code and the field that it is about, in either envelope; any part may be missing."""
    error = _first_error(fault)
    if error is None:
        return "", None
    element = str(error.get("element") or "")
    named = _FIELD_IN_TEXT.search(element or str(error.get("Detail") or error.get("detail") or ""))
    return str(error.get("code") or "").lstrip("0"), FIELDS[named[1]] if named else None


def code_error(
    code: str,
    field: str | None,
    message: str,
    *,
    writes: bool,
    again: bool = False,
    retry_after: float = 60.0,
) -> MusterError:
    """What a code means where the status says no more than that the request was refused."""
    if code == _THROTTLED:
        return RateLimited(message, retry_after=retry_after)
    if code in _AUTHENTICATION:
        return Unauthorized(SYSTEM.id, message, state=_STATES.get(code, "reconnect"))
    if code == _STALE:
        return Conflict(message)
    if code == _OUTAGE:
        return Unavailable(message)
    if code in (_UNCERTAIN_AGAIN if again else _UNCERTAIN):
        return Unavailable(message, outcome_unknown=writes)
    reason, known = _REJECTED.get(code, ("refused", None))
    return Rejected(reason, field=known or field, message=message)
