"""Signed tokens in addresses and links (design.md §6): values in, values out.

A token is `<version><key id><payload>-<signature>`: the payload is ids in lower-case base32, the
signature base32 of the first 80 bits of HMAC-SHA256(key, purpose, payload). Without a valid token
something may be recorded and shown, never acted on, so every parser returns None rather than raise.
"""

from __future__ import annotations

import base64
import binascii
import enum
import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, replace

VERSION = "1"

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
# Ten bits, so two letters, at a time: base64.b32encode costs three times as much.
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_ID_LETTERS = 13  # 64 bits in base32, one bit to spare
_SIGNATURE_LETTERS = 16  # 80 bits
_RETURN_PATH = "return-path"
_UNSUBSCRIBE = "unsubscribe"
_CONFIRM = "confirm"
_HOST = "host"


_SHAPE = re.compile(rf"{VERSION}[a-z0-9][a-z2-7]{{{_ID_LETTERS}}}-[a-z2-7]{{{_SIGNATURE_LETTERS}}}")


def looks_like_return_path(local: str) -> bool:
    """Whether a lower-case local part has the shape of one of ours, whoever signed it."""
    return _SHAPE.fullmatch(local) is not None


class WebPurpose(enum.StrEnum):
    """What a token in a link inside a message may be used for; none passes for another."""

    OPEN = "open"  # the open pixel
    CLICK = "click"  # a tracked link
    VIEW = "view"  # view in browser


@dataclass(frozen=True, slots=True)
class WebToken:
    """The mailing and the message that a link belongs to; the message may be gone by now."""

    mailing_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class UnsubscribeToken:
    """Who may unsubscribe, and the mailing that they do it from; it needs no message."""

    contact_id: int
    mailing_id: int


@dataclass(frozen=True, slots=True)
class ConfirmToken:
    """Who wants mail again (with the mailing that they came from), which stop that ends, and until when (seconds)."""

    contact_id: int
    mailing_id: int
    stop_id: int
    until: int


class KeyProblem(ValueError):
    """TOKEN_KEYS cannot be used; says why, without the key."""


@dataclass(frozen=True)
class Key:
    """A signing key; `id` is one lower-case letter or digit and stands in every token made with it."""

    id: str
    secret: bytes

    @functools.cached_property
    def _states(self) -> dict[str, tuple[Callable[[], hashlib._Hash], Callable[[], hashlib._Hash]]]:
        return {}

    def sign(self, purpose: str, payload: str) -> str:
        """80 bits of HMAC-SHA256 in base32. Both hash states are kept: hmac.digest costs four times as much."""
        inner, outer = self._states.get(purpose) or self._start(purpose)
        first = inner()
        first.update(payload.encode())
        second = outer()
        second.update(first.digest())
        return _letters(int.from_bytes(second.digest()[:10], "big"), _SIGNATURE_LETTERS)

    def _start(self, purpose: str) -> tuple[Callable[[], hashlib._Hash], Callable[[], hashlib._Hash]]:
        block = self.secret if len(self.secret) <= 64 else hashlib.sha256(self.secret).digest()
        block = block.ljust(64, b"\0")
        inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block) + purpose.encode() + b"\0")
        outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))
        return self._states.setdefault(purpose, (inner.copy, outer.copy))


@dataclass(frozen=True)
class Keyring:
    """The keys of TOKEN_KEYS, newest first: the first signs, all verify (links in old mail never expire)."""

    keys: tuple[Key, ...]

    @classmethod
    def parse(cls, setting: str) -> Keyring:
        """Read `id:base64key,…`. Raises KeyProblem naming the entry."""
        keys = tuple(_parse_key(entry.strip()) for entry in setting.split(",") if entry.strip())
        if not keys:
            raise KeyProblem("TOKEN_KEYS names no key")
        if len({key.id for key in keys}) < len(keys):
            raise KeyProblem("TOKEN_KEYS names a key id twice")
        return cls(keys)

    def signing_with(self, key_id: str) -> Keyring:
        """The same keys, signing with `key_id`: builds an old message again as it was. KeyError when unknown."""
        chosen = self._by_id[key_id]
        return replace(self, keys=(chosen, *(key for key in self.keys if key is not chosen)))

    def return_path_local(self, message_id: int) -> str:
        """The 32 octets before the @ of the envelope sender, and the value of X-Shirase-Ref."""
        return self._make(_RETURN_PATH, (message_id,))

    def parse_return_path(self, local: str) -> int | None:
        """The message id, or None for anything that we did not sign. Its 90 days are the caller's to check."""
        ids = self._read(_RETURN_PATH, local, 1)
        return ids[0] if ids else None

    def web_token(self, purpose: WebPurpose, mailing_id: int, message_id: int) -> str:
        return self._make(purpose.value, (mailing_id, message_id))

    def parse_web(self, purpose: WebPurpose, token: str) -> WebToken | None:
        ids = self._read(purpose.value, token, 2)
        return WebToken(*ids) if ids else None

    def host_proof(self, host: str, nonce: str) -> str:
        """What only this install answers at a host that leads to it, when asked with `nonce`."""
        return self.keys[0].sign(_HOST, f"{host} {nonce}")

    def unsubscribe_token(self, contact_id: int, mailing_id: int) -> str:
        """For the unsubscribe and the preferences page alike: one person, one mailing."""
        return self._make(_UNSUBSCRIBE, (contact_id, mailing_id))

    def parse_unsubscribe(self, token: str) -> UnsubscribeToken | None:
        ids = self._read(_UNSUBSCRIBE, token, 2)
        return UnsubscribeToken(*ids) if ids else None

    def confirm_token(self, found: ConfirmToken) -> str:
        return self._make(_CONFIRM, astuple(found))

    def parse_confirm(self, token: str) -> ConfirmToken | None:
        """Its hour is the caller's to check."""
        ids = self._read(_CONFIRM, token, 4)
        return ConfirmToken(*ids) if ids else None

    @functools.cached_property
    def _by_id(self) -> dict[str, Key]:
        return {key.id: key for key in self.keys}

    def _make(self, purpose: str, ids: Iterable[int]) -> str:
        key = self.keys[0]
        payload = "".join([_id_letters(number) for number in ids])
        return f"{VERSION}{key.id}{payload}-{key.sign(purpose, payload)}"

    def _read(self, purpose: str, token: str, count: int) -> tuple[int, ...] | None:
        length = 2 + count * _ID_LETTERS
        if len(token) != length + 1 + _SIGNATURE_LETTERS or not token.isascii():
            return None
        key = self._by_id.get(token[1])
        if token[0] != VERSION or token[length] != "-" or key is None:
            return None
        payload = token[2:length]
        if not hmac.compare_digest(key.sign(purpose, payload), token[length + 1 :]):
            return None
        return tuple(_number(payload[at : at + _ID_LETTERS]) for at in range(0, len(payload), _ID_LETTERS))


def _parse_key(entry: str) -> Key:
    key_id, _, encoded = entry.partition(":")
    if len(key_id) != 1 or key_id not in "abcdefghijklmnopqrstuvwxyz0123456789":
        raise KeyProblem("a key id in TOKEN_KEYS is one lower-case letter or digit: id:base64key,…")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyProblem(f"key {key_id!r} in TOKEN_KEYS is not base64") from error
    if len(secret) < 32:
        raise KeyProblem(f"key {key_id!r} in TOKEN_KEYS is shorter than 32 bytes")
    return Key(key_id, secret)


@functools.lru_cache(maxsize=4096)
def _id_letters(number: int) -> str:
    """A message's id stands in several of its tokens, a mailing's in all."""
    return _letters(number, _ID_LETTERS)


def _letters(number: int, count: int) -> str:
    """`number` in exactly `count` base32 letters, most significant first."""
    if not 0 <= number < 1 << (count * 5):
        raise ValueError(f"{number} does not fit a token")
    letters = [_PAIRS[(number >> shift) & 1023] for shift in range(count // 2 * 10 - 10, -1, -10)]
    return _ALPHABET[number >> (count * 5 - 5)] + "".join(letters) if count % 2 else "".join(letters)


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number << 5 | _VALUES[letter]
    return number
