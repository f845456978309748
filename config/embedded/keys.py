"""The secrets of an install: made once for the embedded mode; in production refused when missing or a default."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32
NAMES = ("SECRET_KEY", "ENCRYPTION_KEYS", "TOKEN_KEYS")
MARK_OF_AN_EXAMPLE = "change-me"


class BadKeys(ValueError):
    """A key setting cannot be used; the text names the setting."""


def new_key(key_id: str) -> str:
    """`<id>:<base64 of 32 random bytes>`, the form of one entry of ENCRYPTION_KEYS and TOKEN_KEYS."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def make_once(path: Path) -> dict[str, str]:
    """The embedded mode's secrets, read from `path`; written there first, mode 0600, when there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        values = {"SECRET_KEY": secrets.token_urlsafe(50), "ENCRYPTION_KEYS": new_key("a"), "TOKEN_KEYS": new_key("a")}
        _write_new(path, "".join(f"{name}={value}\n" for name, value in values.items()))
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _write_new(path: Path, text: str) -> None:
    """Whole or not at all, and never over another's: two processes may start at the same moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def parse(name: str, value: str) -> dict[str, bytes]:
    """Key id → key, newest first. Raises BadKeys for anything but `id:base64,id:base64,…` of 32-byte keys."""
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        key_id, _, text = entry.partition(":")
        if len(key_id) != 1 or key_id not in "abcdefghijklmnopqrstuvwxyz":
            raise BadKeys(f"{name}: a key id is one letter a-z, as in a:BASE64; got {key_id[:12]!r}")
        if key_id in keys:
            raise BadKeys(f"{name}: two keys have the id {key_id!r}: give the new one another letter")
        try:
            keys[key_id] = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise BadKeys(f"{name}: key {key_id!r} is not base64") from error
        if len(keys[key_id]) != KEY_BYTES:
            raise BadKeys(f"{name}: key {key_id!r} must be {KEY_BYTES} bytes, not {len(keys[key_id])}")
    if not keys:
        raise BadKeys(f"{name} is missing: set it to a:BASE64 of {KEY_BYTES} random bytes")
    return keys


def refuse_defaults(values: Mapping[str, str]) -> None:
    """Production starts only with secrets of its own. Raises BadKeys naming the first that is missing or a default."""
    for name in NAMES:
        value = values.get(name, "")
        if not value:
            raise BadKeys(f"{name} is missing: outside the embedded mode every secret must be set (see .env.example)")
        if MARK_OF_AN_EXAMPLE in value or value.startswith("django-insecure"):
            raise BadKeys(f"{name} is still the example's value: make one of your own (see .env.example)")
    if len(values["SECRET_KEY"]) < 40:
        raise BadKeys("SECRET_KEY is too short: at least 40 characters")
