"""For load balancers and supervisors: is the process alive, and can the install work?"""

from __future__ import annotations

from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse

from analytics import folding
from config.metrics import servers

TICK_SECONDS = 60.0  # a tick of the queue `work` is lost after 30 s, and the next comes in two


def healthz(_request: HttpRequest) -> JsonResponse:
    """200: the process answers. Nothing else is asked."""
    return JsonResponse({"alive": True})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when all of it holds, else 503 naming what does not: mail stands still then, or will."""
    answers = {**_database_answers(), "broker": broker_answers()}
    return JsonResponse(answers, status=200 if all(answers.values()) else 503)


def _database_answers() -> dict[str, bool]:
    """What nobody can know without the database does not hold."""
    answers = {"database": False, "migrated": False, "work": False}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answers["database"] = True
        answers["migrated"] = _last_migrations() <= MigrationRecorder(connection).applied_migrations().keys()
        age = folding.tick_age()
        answers["work"] = age is not None and age < TICK_SECONDS
    except Error:
        pass
    return answers


@cache
def _last_migrations() -> frozenset[tuple[str, str]]:
    """The newest of each app in this release; whoever has them has those before."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def broker_answers() -> bool:
    return servers.broker_queues() is not None
