"""Intuit's webhooks: CloudEvents in an array, or the older `eventNotifications`; several companies in one delivery.

The signature is of the body alone, so an old delivery can be sent again; it is the same events then, which have no second
effect. Both forms: https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from shared.connectors.client import read_json
from shared.connectors.hooks import identifier, instant
from shared.connectors.ports import Delivery, Notice

_TYPE = "qbo.employee."
_READING = (KeyError, TypeError, AttributeError, ValueError)


def is_authentic(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    now: datetime,  # noqa: ARG001  (Intuit signs no time)
) -> bool:
    """Whether `intuit-signature` is of this body by one of the verifier tokens."""
    given = headers.get("intuit-signature", "").encode("latin-1", "replace")
    same = [hmac.compare_digest(_signature(secret, body), given) for secret in secrets]
    return any(same)


def _signature(secret: str, body: bytes) -> bytes:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())


def read(headers: Mapping[str, str], body: bytes) -> Delivery:  # noqa: ARG001  (any content type holds the same JSON)
    """The events of a delivery, in either form; those that cannot be read leave it incomplete. Raises ValueError."""
    found = read_json(body)
    if isinstance(found, list):
        return _delivery(_cloud_event, [(event,) for event in found])
    try:
        entities = [
            (company["realmId"], entity)
            for company in found["eventNotifications"]
            for entity in company["dataChangeEvent"]["entities"]
        ]
    except _READING as error:
        raise ValueError("neither CloudEvents nor eventNotifications") from error
    return _delivery(_entity, entities)


def _delivery(parse: Callable[..., list[Notice]], events: Sequence[tuple[Any, ...]]) -> Delivery:
    notices: list[Notice] = []
    complete = True
    for event in events:
        try:
            notices += parse(*event)
        except _READING:
            complete = False
    return Delivery(notices, complete)


def _cloud_event(event: Any) -> list[Notice]:
    kind, tenant = identifier(event["type"]), identifier(event["intuitaccountid"])
    event_id, at = identifier(event["id"]), instant(event["time"])
    if not kind.startswith(_TYPE):
        return [Notice(tenant, event_id, kind, at)]
    data = event.get("data") or {}
    ids = [identifier(event["intuitentityid"])]
    if data.get("deletedid"):
        ids.append(identifier(data["deletedid"]))
    return [
        Notice(tenant, event_id if n == 0 else f"{event_id}/deleted", kind, at, remote_id)
        for n, remote_id in enumerate(ids)
    ]


def _entity(tenant: object, entity: Any) -> list[Notice]:
    """An event of the older form has no id of its own: it is what happened to whom, and when."""
    name, kind, at = (
        identifier(entity["name"]),
        identifier(entity["operation"]),
        instant(entity["lastUpdated"]),
    )
    ids = [entity["id"], *(entity[key] for key in ("deletedId", "deletedID") if entity.get(key))]
    return [
        Notice(
            identifier(tenant),
            f"{name}/{remote_id}/{kind}/{at.isoformat()}",
            kind.lower(),
            at,
            remote_id if name == "Employee" else None,
        )
        for remote_id in map(identifier, ids)
    ]


def sample(tenant_id: str, secret: str, now: datetime) -> tuple[dict[str, str], bytes]:
    """A signed CloudEvent about the company itself."""
    event = {
        "specversion": "1.0",
        "id": f"test-{os.urandom(8).hex()}",
        "source": "intuit.muster-test",
        "type": "qbo.companyinfo.updated.v1",
        "time": now.isoformat(),
        "intuitentityid": tenant_id,
        "intuitaccountid": tenant_id,
    }
    body = orjson.dumps([event])
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "intuit-signature": _signature(secret, body).decode(),
    }
    return headers, body
