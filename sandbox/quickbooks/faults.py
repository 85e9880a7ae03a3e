"""The two fault envelopes of QuickBooks and the errors that carry them."""

from __future__ import annotations

from typing import Any

import orjson

from sandbox.faults import Rule
from sandbox.quickbooks import xml

MISSING, UNSUPPORTED, CHARACTERS, TOO_LONG, DATE, ENUMERATION, EMAIL = (
    "2020",
    "2010",
    "2040",
    "2050",
    "2090",
    "2170",
    "2210",
)
NOT_FOUND, STALE, DUPLICATE_NAME, BATCH_TOO_LARGE = "610", "5010", "6240", "1040"
QUERY_SYNTAX, QUERY_INVALID = "4000", "4001"
INVALID_ID, CONTENT_TYPE, OPERATION, LAPSED, SEVERE = "2030", "1050", "500", "6190", "10000"
OTHER_COMPANY = "100"
THROTTLED, UNAUTHENTICATED, FORBIDDEN, GENERAL = "3001", "3200", "3100", "6000"

MESSAGES = {
    OPERATION: "Unsupported Operation",
    CONTENT_TYPE: "Invalid or missing content type",
    UNSUPPORTED: "Request has invalid or unsupported property",
    MISSING: "Required param missing, need to supply the required value for the API",
    INVALID_ID: "Invalid ID",
    "6080": "No Name Provided",
    LAPSED: "Invalid Company Status",
    SEVERE: "An application error has occurred while processing your request",
    THROTTLED: "message=ThrottleExceeded; errorCode=003001; statusCode=429",
    UNAUTHENTICATED: "message=AuthenticationFailed; errorCode=003200; statusCode=401",
    FORBIDDEN: "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403",
    "100": "General Authentication Error",
    "120": "Authorization Failure",
    CHARACTERS: "Invalid String",
    TOO_LONG: "String length is either shorter or longer than supported by specification",
    DATE: "Invalid Date",
    ENUMERATION: "Invalid Enumeration",
    EMAIL: "Email Address does not conform to the syntax rules of RFC 822.",
    NOT_FOUND: "Object Not Found",
    STALE: "Stale Object Error",
    DUPLICATE_NAME: "Duplicate Name Exists Error",
    BATCH_TOO_LARGE: "Batch size exceeds allowed limit",
    QUERY_SYNTAX: "Error parsing query",
    QUERY_INVALID: "Invalid query",
}


DETAILS = {
    DUPLICATE_NAME: "The name supplied already exists. : Another customer, vendor or employee is already using this "
    "name. Please use a different name.",
    STALE: "Stale Object Error : You and Payroll Desk were working on this at the same time. Payroll Desk finished "
    "before you did, so your work was not saved.",
    NOT_FOUND: "Object Not Found : Something you're trying to use has been made inactive.",
    THROTTLED: "The request limit was reached.  Try again later",
    UNAUTHENTICATED: "Token expired or malformed",
    FORBIDDEN: "The application may not use this company",
    LAPSED: "Subscription period has ended or canceled or there was a billing problem",
}
JSON = "application/json;charset=UTF-8"
XML = "application/xml"
TYPES = {
    THROTTLED: "SERVICE",
    FORBIDDEN: "AuthorizatonFault",
    "100": "AuthenticationFault",
    "120": "AuthenticationFault",
    UNAUTHENTICATED: "AuthenticationFault",
    SEVERE: "SystemFault",
}
_GENERAL = "A business validation error has occurred while processing your request"
_OF_STATUS = {429: THROTTLED, 401: UNAUTHENTICATED, 403: FORBIDDEN}


class Refused(Exception):
    """QuickBooks' refusal of a call, with a code of `MESSAGES` or one that a fault rule names."""

    def __init__(
        self,
        code: str,
        detail: str,
        element: str | None = "",
        *,
        message: str | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status
        found = message or MESSAGES.get(code, _GENERAL)
        error = {"Message": found, "Detail": detail, "code": code, "element": element}
        self.fault: dict[str, Any] = {"Error": [error], "type": TYPES.get(code, "ValidationFault")}


def ruled(rule: Rule) -> Refused:
    """The refusal that a fault rule asks for."""
    code = rule.code or GENERAL
    detail = rule.message or DETAILS.get(code, MESSAGES.get(code, _GENERAL))
    status = rule.status if rule.status is not None and rule.action == "fault" else 400
    return Refused(code, detail, message=rule.message, status=status)


def of_status(rule: Rule) -> Refused:
    """What usually stands in an answer of this status."""
    status = rule.status or 500
    code = _OF_STATUS.get(status, SEVERE if status >= 500 else rule.code or GENERAL)
    return Refused(code, DETAILS.get(code, MESSAGES.get(code, _GENERAL)), None, status=status)


def shaped(refused: Refused, shape: str, time: str, millis: int) -> tuple[bytes, str]:
    """A refusal as JSON, as XML, or in the gateway's own envelope (`gateway`, `service`), with its content type."""
    if shape in ("gateway", "service"):
        return orjson.dumps(gateway(refused, millis, service=shape == "service")), JSON
    content = {"Fault": refused.fault, "time": time}
    return (xml.from_content(content), XML) if shape == "xml" else (orjson.dumps(content), JSON)


def duplicate_name() -> Refused:
    return Refused(DUPLICATE_NAME, DETAILS[DUPLICATE_NAME])


def stale() -> Refused:
    return Refused(STALE, DETAILS[STALE])


def not_found() -> Refused:
    return Refused(NOT_FOUND, DETAILS[NOT_FOUND])


def throttled() -> Refused:
    return Refused(THROTTLED, DETAILS[THROTTLED], None, status=429)


def unauthenticated() -> Refused:
    return Refused(UNAUTHENTICATED, DETAILS[UNAUTHENTICATED], None, status=401)


def forbidden(shape: str) -> Refused:
    """Another company's token: a 401 in XML or of type SERVICE, or a 403."""
    if shape == "403":
        return Refused(FORBIDDEN, DETAILS[FORBIDDEN], None, status=403)
    code = OTHER_COMPANY if shape == "xml" else UNAUTHENTICATED
    return Refused(code, "The token is not of this company", None, status=401)


def gateway(refused: Refused, millis: int, *, service: bool = False) -> dict[str, Any]:
    """The gateway's envelope: lower-case names, many nulls, epoch milliseconds."""
    errors = [{name.lower(): value for name, value in e.items()} for e in refused.fault["Error"]]
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": errors,
            "type": "AUTHENTICATION" if refused.status == 401 and not service else "SERVICE",
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": millis,
        "status": None,
        "cdcresponse": [],
    }
