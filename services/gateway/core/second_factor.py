"""Codes of the second factor: RFC 6238 with six digits of 30 seconds, and recovery codes. Pure."""

import base64
import hashlib
import secrets
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS, SECONDS = 6, 30
DRIFT = 1
"""Periods that a clock may be off: RFC 6238, section 5.2."""
RECOVERY_CODES = 10
SECRET_BYTES = 20


def uri(secret: bytes, email: str) -> str:
    """What an authenticator reads from a QR code."""
    query = f"secret={shown(secret)}&issuer=Muster&algorithm=SHA1&digits={DIGITS}&period={SECONDS}"
    return f"otpauth://totp/Muster:{quote(email)}?{query}"


def shown(secret: bytes) -> str:
    """The secret as a person types it into an authenticator."""
    return base64.b32encode(secret).decode()


def period_of(secret: bytes, code: str, now: datetime, last: int) -> int | None:
    """The period that a code is of, if it is good and newer than the last one that was used."""
    totp = TOTP(secret, DIGITS, SHA1(), SECONDS)  # noqa: S303  (what authenticators speak)
    current = int(now.timestamp()) // SECONDS
    for period in range(current - DRIFT, current + DRIFT + 1):
        try:
            totp.verify(code.encode(), period * SECONDS)
        except InvalidToken:
            continue
        if period > last:
            return period
    return None


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 bits, in groups that can be read aloud."""
    codes = (base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def recovery_hash(code: str) -> bytes:
    """How a recovery code is stored; blanks, hyphens and case do not matter."""
    plain = "".join(c for c in code.lower() if c.isalnum())
    return hashlib.sha256(plain.encode()).digest()
