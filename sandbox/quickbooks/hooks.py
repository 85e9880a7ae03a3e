"""Intuit's webhooks: CloudEvents in an array, or the older form; one address for all companies of the application."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from sandbox.hooks import Event
from sandbox.state import Sandbox

MINUTE, HOUR = 60.0, 3600.0
LEGACY = {"created": "Create", "updated": "Update", "deleted": "Delete", "merged": "Merge"}
_SOURCE = "intuit." + base64.b64encode(b"quickbooks-sandbox").decode()


class QuickBooksHooks:
    """Implements `hooks.Shape`. The event of a merge names the one who stays, `detail` the one who is gone."""

    shared = True
    most = 100
    ladder: Sequence[float] = (10.0, 20.0, 30.0, 5 * MINUTE, 20 * MINUTE, 2 * HOUR, 4 * HOUR, 6 * HOUR)
    sandbox: Sandbox

    def secret(self) -> str:
        """A verifier token."""
        return secrets.token_hex(16)

    def valid(self, secret: str) -> bool:
        return bool(secret)

    def body(self, events: Sequence[Event]) -> bytes:
        legacy = self.sandbox.switches["webhook_format"] == "legacy"
        return orjson.dumps(_legacy(events) if legacy else [self._cloud_event(event) for event in events])

    def _cloud_event(self, event: Event) -> dict[str, Any]:
        at = datetime.fromtimestamp(event.at / 1_000_000, UTC)
        found: dict[str, Any] = {
            "specversion": "1.0",
            "id": event.event_id,
            "source": _SOURCE,
            "type": f"qbo.employee.{event.kind}.v1",
            "datacontenttype": "application/json",
            "time": f"{at:%Y-%m-%dT%H:%M:%S.%f}018Z",
            "intuitentityid": event.remote_id,
            "intuitaccountid": event.scope,
            "data": {},
        }
        payroll = self.sandbox.company(event.scope)["payroll"] and self.sandbox.on("payroll_webhook_ids")
        if event.kind == "updated":
            del found["datacontenttype"], found["data"]
        elif event.kind == "merged":
            found["data"] = {"deletedid": event.detail}
        elif event.kind == "created" and payroll:
            number = f"{int(event.remote_id):08d}"
            found["id"] = f"{event.event_id}-PayrollEmployee-{number}"
            found["intuitentityid"] = f"0{number}"
            other = {"id": f"{event.scope}:4{number}", "namespace": "Intuit.sandbox.payroll"}
            found["data"] = {"alternative_ids": [other]}
        return found

    def headers(self, body: bytes, delivery: str, secret: str) -> Mapping[str, str]:
        legacy = body.startswith(b"{")
        digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        kind = "application/json" if legacy else "application/cloudevents-batch+json; charset=utf-8"
        found = {
            "Content-Type": kind,
            "intuit-signature": base64.b64encode(digest).decode(),
            "intuit-created-time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "intuit-t-id": secrets.token_hex(12),
            "intuit-notification-schema-version": "0.1" if legacy else "2.0",
            "User-Agent": f"intuit_notification_server/{'0.1' if legacy else '1.0'}",
        }
        if not legacy:
            found |= {"intuit-signature-algorithm": "HMAC-SHA256", "intuit-signature-id": delivery}
        return found

    def accepted(self, status: int) -> bool:
        return status == 200


def _legacy(events: Sequence[Event]) -> dict[str, Any]:
    realms: dict[str, list[dict[str, str]]] = {}
    for event in events:
        at = datetime.fromtimestamp(event.at / 1_000_000, UTC).isoformat(timespec="milliseconds")
        entity = {
            "name": "Employee",
            "id": event.remote_id,
            "operation": LEGACY[event.kind],
            "lastUpdated": at.replace("+00:00", "Z"),
        }
        if event.kind == "merged":
            entity["deletedId"] = event.detail
        realms.setdefault(event.scope, []).append(entity)
    return {
        "eventNotifications": [
            {"realmId": realm, "dataChangeEvent": {"entities": found}} for realm, found in realms.items()
        ]
    }
