"""For load balancers and supervisors: is the process alive, and can it work?"""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from kombu.connection import Connection
from kombu.exceptions import KombuError


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"alive": True})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when the database and the broker answer, else 503 naming the one that does not."""
    answers = {"database": _database_answers(), "broker": broker_answers()}
    return JsonResponse(answers, status=200 if all(answers.values()) else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    try:
        with Connection(settings.BROKER_URL, connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except (KombuError, OSError):
        return False
    return True
