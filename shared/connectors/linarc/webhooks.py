"""Linarc's webhooks: one event in a delivery, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

import orjson

from shared.connectors.client import read_json
from shared.connectors.hooks import identifier, instant
from shared.connectors.ports import Delivery, Notice
from shared.standard_webhooks import is_signed, new_secret, signed_headers

__all__ = ["is_authentic", "new_secret", "read", "sample"]

is_authentic = is_signed
"""Whether one of the secrets signed this body, its id and its time, and the time is near ours."""
_EMPLOYEE = "employee."
_KEPT = ("employee.created", "employee.updated")
"""The events after which the record stands as the etag says."""


def read(headers: Mapping[str, str], body: bytes) -> Delivery:
    """The one event of a delivery. Raises ValueError when it cannot be read."""
    found = read_json(body)
    try:
        kind, at, data = identifier(found["type"]), instant(found["timestamp"]), found["data"]
        remote_id = identifier(data["employee_id"]) if kind.startswith(_EMPLOYEE) else None
        version = identifier(data["etag"]) if kind in _KEPT and data.get("etag") is not None else None
        tenant = identifier(data["company_id"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("an event of another shape") from error
    return Delivery([Notice(tenant, identifier(headers.get("webhook-id")), kind, at, remote_id, version)])


def sample(tenant_id: str, secret: str, now: datetime) -> tuple[dict[str, str], bytes]:
    """A signed event of the type `webhook.test`."""
    event_id = f"test_{os.urandom(8).hex()}"
    event = {"type": "webhook.test", "timestamp": now.isoformat(), "data": {"company_id": tenant_id}}
    body = orjson.dumps({**event, "id": event_id})
    return {"content-type": "application/json", **signed_headers([secret], event_id, now, body)}, body
