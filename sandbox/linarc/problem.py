"""Linarc's refusals, told as application/problem+json."""

from __future__ import annotations

import orjson
from fastapi import Response

CODES = {
    "invalid_json": "The body is not a JSON object.",
    "invalid_api_key": "The API key is missing or unknown.",
    "administrators_only": "Only an administrator may do this, in Linarc's directory.",
    "method_not_allowed": "The address does not take the method; Allow names those that it takes.",
    "not_found": "There is no such employee.",
    "duplicate_number": "Another employee has this employee_number.",
    "duplicate_email": "Another employee has this e-mail address.",
    "stale_etag": "The employee changed since its etag was read.",
    "precondition_required": "If-Match is missing.",
    "missing_name": "Neither a first nor a last name is given.",
    "too_long": "A text is longer than allowed.",
    "invalid_email": "An e-mail address is none.",
    "invalid_date": "A date is not of the form YYYY-MM-DD.",
    "invalid_value": "A value is of another kind.",
    "unknown_field": "The field is not one of an employee.",
    "read_only_field": "The field is set by Linarc.",
    "invalid_cursor": "The cursor is not one that Linarc gave.",
    "idempotency_key_reused": "The Idempotency-Key was sent with another request before.",
    "rate_limited": "Too many calls; Retry-After says when to come again.",
}


class Problem(Exception):
    """A refusal with a code of `CODES`, or one that a fault rule names; `field` is the culprit where there is one."""

    def __init__(self, status: int, code: str, title: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.field = field

    def body(self) -> bytes:
        return orjson.dumps(
            {
                "type": f"https://linarc.example/problems/{self.code.replace('_', '-')}",
                "title": self.title,
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                "field": self.field,
            }
        )


def problem(refused: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(refused.body(), refused.status, headers, "application/problem+json")
