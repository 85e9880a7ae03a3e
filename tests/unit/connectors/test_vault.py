"""Sealing: bound to its row, open to every listed key, and never shown."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError
from rich.pretty import pretty_repr

from shared.connectors.vault import Credential, Seal
from shared.errors import Unauthorized
from shared.settings import VaultSettings

COMPANY, ACCOUNT, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
OLD, NEW = base64.b64encode(b"o" * 32).decode(), base64.b64encode(b"n" * 32).decode()
CREDENTIAL = Credential(
    system="quickbooks",
    client_id="client",
    client_secret="hush-1",
    refresh_token="hush-2",
    access_token="hush-3",
    api_key="hush-4",
    expires_at=datetime(2026, 11, 23, tzinfo=UTC),
)


def seal(*keys: str) -> Seal:
    return Seal(VaultSettings(key=SecretStr(",".join(keys))))


def test_what_is_sealed_opens_again_and_shows_nothing() -> None:
    key_id, sealed = seal(NEW).close(COMPANY, ACCOUNT, CREDENTIAL)
    assert key_id == hashlib.sha256(b"n" * 32).hexdigest()[:8]
    assert b"hush" not in sealed
    assert seal(NEW).open(COMPANY, ACCOUNT, key_id, sealed) == CREDENTIAL


def test_the_same_credential_never_seals_to_the_same_bytes() -> None:
    assert len({seal(NEW).close(COMPANY, ACCOUNT, CREDENTIAL)[1] for _ in range(50)}) == 50


@pytest.mark.parametrize(("company", "account"), [(OTHER, ACCOUNT), (COMPANY, OTHER), (ACCOUNT, COMPANY)])
def test_a_credential_does_not_open_in_another_row(company: UUID, account: UUID) -> None:
    key_id, sealed = seal(NEW).close(COMPANY, ACCOUNT, CREDENTIAL)
    with pytest.raises(Unauthorized):
        seal(NEW).open(company, account, key_id, sealed)


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    key_id, sealed = seal(NEW).close(COMPANY, ACCOUNT, CREDENTIAL)
    changed = bytearray(sealed)
    changed[at] ^= 1
    with pytest.raises(Unauthorized):
        seal(NEW).open(COMPANY, ACCOUNT, key_id, bytes(changed))


@pytest.mark.parametrize("sealed", [b"", b"short"])
def test_a_torn_row_is_refused(sealed: bytes) -> None:
    key_id, _ = seal(NEW).close(COMPANY, ACCOUNT, CREDENTIAL)
    with pytest.raises(Unauthorized):
        seal(NEW).open(COMPANY, ACCOUNT, key_id, sealed)


def test_a_key_is_rotated_by_putting_the_new_one_first() -> None:
    key_id, sealed = seal(OLD).close(COMPANY, ACCOUNT, CREDENTIAL)
    both = seal(NEW, OLD)
    assert both.open(COMPANY, ACCOUNT, key_id, sealed) == CREDENTIAL
    assert both.close(COMPANY, ACCOUNT, CREDENTIAL)[0] != key_id
    with pytest.raises(Unauthorized):
        seal(NEW).open(COMPANY, ACCOUNT, key_id, sealed)


@pytest.mark.parametrize("key", ["", "x", base64.b64encode(b"k" * 16).decode(), f"{NEW},", NEW[:-4]])
def test_a_key_of_another_length_is_refused_at_start(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (base64's own text or ours)
        seal(key)


def test_no_text_of_a_credential_shows_a_secret() -> None:
    shown = [str(CREDENTIAL), repr(CREDENTIAL), f"{CREDENTIAL}", pretty_repr(CREDENTIAL), f"{[CREDENTIAL]}"]
    with pytest.raises(ValidationError) as caught:
        Credential.model_validate({"system": "quickbooks", "api_key": ["hush-5"]})
    assert "hush" not in " ".join([*shown, str(caught.value)])
