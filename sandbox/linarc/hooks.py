"""Linarc's webhooks: one event in a body, signed as Standard Webhooks has it, to one address for each company."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence

import orjson

from sandbox.hooks import Event
from sandbox.linarc.employee import stamp

MINUTE, HOUR = 60.0, 3600.0
PREFIX = "whsec_"
SHORTEST = 24
"""Bytes of a secret, as Standard Webhooks asks."""


class LinarcHooks:
    """Implements `hooks.Shape`. `detail` is the employee's etag after the change."""

    shared = False
    most = 1
    ladder: Sequence[float] = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR)

    def secret(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()

    def valid(self, secret: str) -> bool:
        try:
            return len(base64.b64decode(secret.removeprefix(PREFIX), validate=True)) >= SHORTEST
        except binascii.Error:
            return False

    def body(self, events: Sequence[Event]) -> bytes:
        (event,) = events
        data = {"company_id": event.scope, "employee_id": event.remote_id, "etag": event.detail or None}
        return orjson.dumps(
            {
                "type": f"employee.{event.kind}",
                "timestamp": stamp(event.at),
                "data": data,
                "id": event.event_id,
            }
        )

    def headers(self, body: bytes, delivery: str, secret: str) -> Mapping[str, str]:
        at = str(int(time.time()))
        event_id = str(orjson.loads(body)["id"])
        key = base64.b64decode(secret.removeprefix(PREFIX))
        digest = hmac.new(key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    def accepted(self, status: int) -> bool:
        return 200 <= status < 300
