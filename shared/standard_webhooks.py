"""Signatures of deliveries, as Standard Webhooks defines them (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
"""How old a delivery may be, and how far ahead its clock: what was recorded earlier is refused."""
_SIGNATURES_MOST = 10


def new_secret() -> str:
    """`whsec_` and 24 random bytes in base64."""
    return PREFIX + base64.b64encode(os.urandom(24)).decode()


def signature(secret: str, delivery: str, at: str, body: bytes) -> str:
    """One signature, with its version."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    signed = f"{delivery}.{at}.".encode("latin-1", "replace") + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(secrets: Sequence[str], delivery: str, at: datetime, body: bytes) -> dict[str, str]:
    """What a delivery carries: its id, its time, and a signature with each secret."""
    moment = str(int(at.timestamp()))
    return {
        "webhook-id": delivery,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(signature(secret, delivery, moment, body) for secret in secrets),
    }


def _of_version_1(headers: Mapping[str, str]) -> list[str]:
    """A sender whose secret is being replaced signs with both."""
    given = headers.get("webhook-signature", "").split(" ")
    return [s for s in given if s.startswith("v1,")][:_SIGNATURES_MOST]


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether a delivery is signed with one of these secrets, and is not an old one."""
    delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (delivery and at.isascii() and at.isdecimal() and len(at) < 12):  # noqa: PLR2004  (after the year 5000)
        return False
    given = [s.encode("latin-1", "replace") for s in _of_version_1(headers)]
    expected = [signature(secret, delivery, at, body).encode() for secret in secrets]
    same = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    return any(same) and abs(now.timestamp() - int(at)) <= TOLERANCE.total_seconds()
