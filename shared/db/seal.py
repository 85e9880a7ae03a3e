"""Sealing what may not lie open in a table: AES-256-GCM, bound to associated data, under keys that can be rotated."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealError(Exception):
    """Something sealed cannot be opened; the text says why, and holds nothing of it."""


class Sealer:
    """Seals with the newest key; opens with any that is still listed."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: each 32 bytes in base64, newest first. Raises ValueError."""
        try:
            raw = [base64.b64decode(key, validate=True) for key in keys]
        except ValueError:
            raw = [b""]
        if any(len(key) != _KEY_BYTES for key in raw):
            msg = f"a sealing key is {_KEY_BYTES} bytes in base64, from: openssl rand -base64 {_KEY_BYTES}"
            raise ValueError(msg)
        self._ciphers = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in raw}
        self.newest = next(iter(self._ciphers))

    def close(self, text: bytes, associated_data: str) -> tuple[str, bytes]:
        """The key's id and the sealed bytes. They open with the same `associated_data` only."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.newest].encrypt(nonce, text, f"{associated_data}|{self.newest}".encode())
        return self.newest, nonce + sealed

    def open(self, key_id: str, sealed: bytes, associated_data: str) -> bytes:
        """What was sealed. Raises `SealError` when the key is gone, or the bytes belong elsewhere."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealError("the key that sealed this is not listed any more")
        try:
            return cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], f"{associated_data}|{key_id}".encode()
            )
        except (InvalidTag, ValueError):
            raise SealError("this was changed, or sealed with other associated data") from None
