"""Sessions in the database that let nobody in who only reads it: the key lies as its hash, the data sealed."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.encryption import CannotOpen
from accounts.fields import sealer


def kept_as(key: str) -> str:
    """What stands for a session key in the table: 160 bits of its SHA-256, since the column holds 40 characters."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    """Django's, for the table `django_session`. A session of a key that was retired is over."""

    def load(self) -> dict[str, Any]:
        kept = kept_as(self.session_key or "")
        row = Session.objects.filter(session_key=kept, expire_date__gt=timezone.now()).first()
        try:
            return self.decode(sealer().open(row.session_data, **_place(kept))) if row else self._gone()
        except CannotOpen:
            return self._gone()

    def exists(self, session_key: str) -> bool:
        return super().exists(kept_as(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = kept_as(row.session_key)
        row.session_data = sealer().seal(row.session_data, **_place(row.session_key))
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(kept_as(key))

    def _gone(self) -> dict[str, Any]:
        self._session_key = None
        return {}


def _place(kept: str) -> dict[str, str]:
    return {"table": Session._meta.db_table, "field": "session_data", "uuid": kept}
