"""The OpenAPI document of the contract, made from what the sandbox checks."""

from __future__ import annotations

from typing import Any

from sandbox.linarc.employee import ADDRESS, AMOUNTS, DAYS, FIELDS, LENGTHS, STATES
from sandbox.linarc.problem import CODES
from sandbox.linarc.tenant import DEFAULT_PAGE, MAX_PAGE

Schema = dict[str, Any]
KEY_LENGTH = 255
MEANING = {
    "employee_number": "The company's own number of the employee; unique in the company.",
    "first_name": "First name. One of first and last name is needed.",
    "last_name": "Last name. One of first and last name is needed.",
    "email": "One address; unique in the company, whatever its case. The invitation goes there.",
    "phone": "With country code, in any notation.",
    "permission_level": "The role, by its name in the company's settings.",
    "pay_type": "For example hourly or salary.",
    "hourly_rate": "Fixed billing for each hour.",
    "cost_rate": "Cost to company for each hour.",
    "end_date": "Set by deactivate, cleared by reactivate.",
    "address": "Replaced as one value.",
}
_EMPLOYEE = {"$ref": "#/components/schemas/Employee"}
_IF_MATCH = "The etag last read, quoted; `*` matches any."
_KEY = (
    "For 24 hours the same key with the same request answers the first answer again, marked Idempotency-Replayed; with "
    "another request it is refused."
)


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _fields() -> dict[str, Schema]:
    """The fields that may be written."""
    parts = {part: _nullable({"type": "string"}) for part in ADDRESS}
    found: dict[str, Schema] = {
        **{name: {"type": "string", "maxLength": length} for name, length in LENGTHS.items()},
        **{name: {"type": "number", "minimum": 0} for name in AMOUNTS},
        **{name: {"type": "string", "format": "date"} for name in DAYS},
        "address": {"type": "object", "additionalProperties": False, "properties": parts},
    }
    return {
        name: _nullable(found[name]) | ({"description": MEANING[name]} if name in MEANING else {})
        for name in FIELDS
    }


def _schemas() -> dict[str, Schema]:
    given: Schema = {
        "id": {"type": "string", "description": "Opaque; never changes and never comes back."},
        "etag": {"type": "string", "description": "Changes with every change."},
        "state": {"enum": list(STATES), "description": "Changed by deactivate, reactivate and people only."},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"},
    }
    problem = {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {
            "type": "string",
            "description": "\n".join(f"- `{code}`: {text}" for code, text in CODES.items()),
        },
        "field": {"type": ["string", "null"], "description": "The field or parameter that is wrong."},
    }
    page = {
        "employees": {"type": "array", "items": _EMPLOYEE, "maxItems": MAX_PAGE},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "Where the next page begins; null on the last. A page may be empty and not the last.",
        },
        "as_of": {
            "type": "string",
            "format": "date-time",
            "description": "When the first page was read: the next updated_since.",
        },
        "total": {
            "type": "integer",
            "minimum": 0,
            "description": "How many people the whole list holds now.",
        },
    }
    event = {
        "id": {"type": "string", "description": "The same as the header webhook-id, over all tries."},
        "type": {"enum": ["employee.created", "employee.updated", "employee.deleted"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": _object(
            {
                "company_id": {"type": "string"},
                "employee_id": {"type": "string"},
                "etag": {"type": ["string", "null"], "description": "After the change."},
            }
        ),
    }
    return {
        "EmployeeFields": {
            "type": "object",
            "additionalProperties": False,
            "description": "What may be written. Null and an empty text clear a field.",
            "properties": _fields(),
        },
        "Employee": _object({**given, **_fields()}),
        "EmployeePage": _object(page),
        "Company": _object({"id": {"type": "string"}, "name": {"type": "string"}}),
        "Problem": _object(problem),
        "EmployeeEvent": _object(event),
    }


def _object(properties: Schema) -> Schema:
    """An object that always has these keys; readers ignore keys that they do not know."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _body(schema: str, *, required: bool = True) -> Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": required, "content": content}


def _answers(good: int, schema: str, *refused: int, tagged: bool = True) -> Schema:
    found: Schema = {
        str(good): {
            "description": "Done",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        }
    }
    if tagged:
        found[str(good)]["headers"] = {"ETag": {"schema": {"type": "string"}}}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted({401, 429, *refused}):
        found[str(status)] = {"description": "Refused", "content": content}
    found["429"] = {
        **found["429"],
        "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}},
    }
    return found


def _header(name: str, text: str, *, required: bool = False) -> Schema:
    schema = {"type": "string", **({"maxLength": KEY_LENGTH} if name == "Idempotency-Key" else {})}
    return {"name": name, "in": "header", "required": required, "description": text, "schema": schema}


def _query(name: str, text: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _paths() -> dict[str, Schema]:
    one = {"name": "employee_id", "in": "path", "required": True, "schema": {"type": "string"}}
    key = _header("Idempotency-Key", _KEY)
    match = _header("If-Match", _IF_MATCH)
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
    since = "Only employees changed at or after this time; without an offset it is UTC."
    move = {"parameters": [key, match]}
    day = _object({"end_date": {"type": ["string", "null"], "format": "date"}})
    ended = {"required": False, "content": {"application/json": {"schema": {**day, "required": []}}}}
    return {
        "/company": {
            "get": {
                "operationId": "company",
                "summary": "The company that the key belongs to",
                "responses": _answers(200, "Company", tagged=False),
            }
        },
        "/employees": {
            "get": {
                "operationId": "list",
                "summary": "The directory, in the order of ids, people of every state included",
                "parameters": [
                    _query("limit", "Employees on a page", limit),
                    _query("cursor", "next_cursor of the page before", {"type": "string"}),
                    _query("updated_since", since, {"type": "string", "format": "date-time"}),
                    _query(
                        "q", "Only people whose name, number or e-mail holds this text", {"type": "string"}
                    ),
                ],
                "responses": _answers(200, "EmployeePage", 422, tagged=False),
            },
            "post": {
                "operationId": "create",
                "summary": "A new employee, always a draft: nobody is invited",
                "parameters": [key],
                "requestBody": _body("EmployeeFields"),
                "responses": _answers(201, "Employee", 400, 409, 422),
            },
        },
        "/employees/{employee_id}": {
            "parameters": [one],
            "get": {
                "operationId": "read",
                "summary": "One employee",
                "responses": _answers(200, "Employee", 404),
            },
            "patch": {
                "operationId": "update",
                "summary": "Change the fields given; the others stay",
                "parameters": [key, _header("If-Match", _IF_MATCH, required=True)],
                "requestBody": _body("EmployeeFields"),
                "responses": _answers(200, "Employee", 400, 404, 409, 412, 422, 428),
            },
        },
        "/employees/{employee_id}/deactivate": {
            "parameters": [one],
            "post": {
                "operationId": "deactivate",
                "summary": "Terminate; once is as good as twice",
                **move,
                "requestBody": ended,
                "responses": _answers(200, "Employee", 400, 404, 412, 422),
            },
        },
        "/employees/{employee_id}/reactivate": {
            "parameters": [one],
            "post": {
                "operationId": "reactivate",
                "summary": "Back to the state before: who was a draft is a draft again",
                **move,
                "responses": _answers(200, "Employee", 400, 404, 412, 422),
            },
        },
        "/employees/{employee_id}/invite": {
            "parameters": [one],
            "post": {
                "operationId": "invite",
                "summary": "Refused to API keys: an administrator invites, in the directory",
                "parameters": [key],
                "responses": {
                    status: found
                    for status, found in _answers(200, "Employee", 400, 403, 404, 422).items()
                    if status != "200"
                },
            },
        },
    }


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    hook = {
        "summary": "Something happened to an employee",
        "description": "Signed as in Standard Webhooks. Any answer of 2xx within 3 seconds accepts it.",
        "parameters": [
            _header("webhook-id", "Stays the same over all tries", required=True),
            _header("webhook-timestamp", "Seconds since 1970, of this try", required=True),
            _header("webhook-signature", "`v1,` and base64 of HMAC-SHA256", required=True),
        ],
        "requestBody": _body("EmployeeEvent"),
        "responses": {"2XX": {"description": "Accepted"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Linarc, as Muster's connector expects it",
            "version": "1",
            "description": "Linarc publishes no API. This contract is ours; see linarc-api.md.",
        },
        "servers": [{"url": "{base}/api/v1", "variables": {"base": {"default": "http://127.0.0.1"}}}],
        "security": [{"key": []}],
        "paths": _paths(),
        "webhooks": {"employee": {"post": hook}},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "The API key"}},
            "schemas": _schemas(),
        },
    }
