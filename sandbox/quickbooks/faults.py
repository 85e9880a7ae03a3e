"""The two fault envelopes of QuickBooks and the errors that carry them."""

from __future__ import annotations

from typing import Any

from sandbox.faults import Rule

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

MESSAGES = {
    "500": "Unsupported Operation",
    UNSUPPORTED: "Request has invalid or unsupported property",
    MISSING: "Required param missing, need to supply the required value for the API",
    "2030": "Invalid ID",
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


class Refused(Exception):
    """QuickBooks' refusal of a call, with a code of `MESSAGES` or one a fault rule names."""

    def __init__(
        self, code: str, detail: str, element: str | None = "", *, message: str | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.status = 400
        error = {"Message": message or MESSAGES[code], "Detail": detail, "code": code, "element": element}
        self.fault: dict[str, Any] = {"Error": [error], "type": "ValidationFault"}


def ruled(rule: Rule) -> Refused:
    """The refusal that a fault rule asks for."""
    message = rule.message or MESSAGES.get(rule.code, "A business validation error has occurred")
    refused = Refused(rule.code, message, message=message)
    refused.status = rule.status if rule.status is not None and rule.action == "fault" else 400
    return refused


def duplicate_name() -> Refused:
    return Refused(
        DUPLICATE_NAME,
        "The name supplied already exists. : Another customer, vendor or employee is already using this "
        "name. Please use a different name.",
    )


def stale() -> Refused:
    return Refused(
        STALE,
        "Stale Object Error : You and Payroll Desk were working on this at the same time. Payroll Desk "
        "finished before you did, so your work was not saved.",
    )


def not_found() -> Refused:
    return Refused(NOT_FOUND, "Object Not Found : Something you're trying to use has been made inactive.")


def throttled(time: str) -> dict[str, Any]:
    error = {
        "Message": "message=ThrottleExceeded; errorCode=003001; statusCode=429",
        "Detail": "The request limit was reached.  Try again later",
        "code": "3001",
        "element": None,
    }
    return {"Fault": {"Error": [error], "type": "SERVICE"}, "time": time}


def unauthenticated(detail: str, millis: int) -> dict[str, Any]:
    """The gateway's envelope: lower-case names, epoch milliseconds."""
    error = {
        "message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
        "detail": detail,
        "code": "3200",
        "element": None,
    }
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {"error": [error], "type": "AUTHENTICATION"},
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
