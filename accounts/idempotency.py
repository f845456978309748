"""A request that sends happens once, however often it arrives (the Idempotency-Key header).

The key is claimed, the work done and the answer kept in one transaction. So a second request with the key waits for the
first; then it gets the same answer, or, when the first failed and left nothing behind, its own turn.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg import errors

from accounts.models import ApiKey, IdempotencyKey
from accounts.problems import FieldError, Kind, Problem

KEPT = dt.timedelta(days=30)
PATIENCE = "10s"  # for another request with the same key
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"


def once(request: HttpRequest, api_key: ApiKey, key: str, act: Callable[[], Any], *, status: int) -> HttpResponse:
    """The answer of `act` (JSON), or the one that was kept. Raises Problem; then neither work nor key is kept."""
    fingerprint = _fingerprint(request)
    try:
        with transaction.atomic():
            _wait_at_most(PATIENCE)
            kept, new = IdempotencyKey.objects.get_or_create(
                workspace_id=api_key.workspace_id,
                key=key,
                defaults={"api_key": api_key, "request_sha256": fingerprint, "status": status},
            )
            if new:
                kept.body = json.dumps(act(), ensure_ascii=False)
                kept.save(update_fields=["body"])
    except OperationalError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable):
            raise Problem(Kind.IN_PROGRESS, _("Ask again with the same key in a few seconds.")) from error
        raise
    if kept.request_sha256 != fingerprint:
        detail = _("Nothing was done. Send a new key with a new request.")
        raise Problem(Kind.KEY_REUSED, detail, [FieldError(HEADER, detail)])
    headers = {} if new else {REPLAYED: "true"}
    return HttpResponse(kept.body, status=kept.status, headers=headers, content_type="application/json")


def forget() -> None:
    """Keys older than a month."""
    IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()


def _wait_at_most(patience: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [patience])


def _fingerprint(request: HttpRequest) -> str:
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
