"""The keyring of this install, from TOKEN_KEYS."""

from __future__ import annotations

import functools

from django.conf import settings

from delivery.tokens import Key, Keyring


@functools.cache
def keyring() -> Keyring:
    return Keyring(tuple(Key(key_id, secret) for key_id, secret in settings.TOKEN_KEYS.items()))
