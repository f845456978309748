"""Secrets at rest: AES-256-GCM, bound to the place where they lie. Pure but for the nonce's chance."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1"
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits


class CannotOpen(ValueError):
    """A sealed value was changed, moved to another row, or its key is not among ours."""


class Sealer:
    """Seals with the newest key and opens with any.

    `keys`: key id → 32 bytes, newest first. A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`.
    Table, field and uuid of the row are authenticated with it, so that a value copied to another row does not open.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("no encryption key")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.newest = next(iter(keys))

    def seal(self, plaintext: str, *, table: str, field: str, uuid: object) -> str:
        nonce = os.urandom(NONCE_BYTES)
        body = self._ciphers[self.newest].encrypt(nonce, plaintext.encode(), _place(table, field, uuid))
        return f"{VERSION}.{self.newest}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    def open(self, sealed: str, *, table: str, field: str, uuid: object) -> str:
        """The plaintext. Raises CannotOpen."""
        key_id, raw = _parts(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotOpen(f"sealed with key {key_id!r}, which is not in ENCRYPTION_KEYS")
        try:
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _place(table, field, uuid)).decode()
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"{table}.{field} was changed or belongs to another row") from error


def is_sealed(text: str) -> bool:
    """Whether it has the form of a sealed text; says nothing of whether it opens."""
    try:
        _parts(text)
    except CannotOpen:
        return False
    return True


def key_id_of(sealed: str) -> str:
    return _parts(sealed)[0]


def _parts(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, dot, body = rest.partition(".")
    if version != VERSION or not dot:
        raise CannotOpen("not a sealed text")
    try:
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
    except ValueError as error:
        raise CannotOpen("not a sealed text") from error
    if len(raw) < NONCE_BYTES + 16:
        raise CannotOpen("not a sealed text")
    return key_id, raw


def _place(table: str, field: str, uuid: object) -> bytes:
    return "\0".join((table, field, str(uuid))).encode()
