"""What the parts of a sign-in by OpenID Connect are, and what groups give. Pure."""

import base64
import hashlib
from collections.abc import Collection, Iterable
from uuid import UUID

from shared.domain.visibility import Role

LONGEST_NEXT = 500
"""Of an attempt to sign in, which anybody may begin."""


def derived(browser: str, purpose: str) -> str:
    """The nonce or the PKCE verifier of an attempt, from the secret that only its browser holds; 43 characters."""
    return encoded(hashlib.sha256(f"{purpose}\0{browser}".encode()).digest())


def challenge(verifier: str) -> str:
    """PKCE's S256 (RFC 7636)."""
    return encoded(hashlib.sha256(verifier.encode()).digest())


def encoded(raw: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def safe_next(address: str) -> str:
    """A page of ours to go to afterwards; the first one where it would lead elsewhere, or is longer than is kept."""
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    ours = ours and len(address) <= LONGEST_NEXT
    return address if ours else "/"


def roles_of(groups: Collection[str], rules: Iterable[tuple[str, str, UUID]]) -> dict[UUID, Role]:
    """The highest role that the groups give in each company."""
    found: dict[UUID, Role] = {}
    for group, role, company in rules:
        if group in groups:
            found[company] = max(found.get(company, Role.VIEWER), Role.named(role))
    return found
