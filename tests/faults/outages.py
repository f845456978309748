"""What the workers stand on goes away, or does not answer them: database and broker."""

from __future__ import annotations

import os
import time

from django.db import connection

from config.embedded import postgres
from tests.faults import place
from tests.faults.stand import Stand

AWAY = 6.0 if os.environ.get("SHORT") else 30.0  # seconds of the database; a lease lasts 4


def database_restarts(stand: Stand) -> int:
    stand.midway()
    _without_database(0.0)
    stand.drain()
    return 0


def database_is_away(stand: Stand) -> int:
    stand.midway()
    _without_database(AWAY)
    stand.drain()
    return 0


def _without_database(seconds: float) -> None:
    postgres.stop(place.VAR, immediately=lambda: True)
    time.sleep(seconds)
    postgres.start(place.VAR)
    connection.close()


def broker_is_killed(stand: Stand) -> int:
    """Celery may end in order then, with code 1; the supervisor of `make up` starts it again."""
    stand.midway()
    stand.broker.kill()
    time.sleep(stand.chance.random() * 2)
    stand.broker.start()
    stand.until(lambda: stand.ended() or not stand.worker.alive())
    if not stand.worker.alive():
        stand.worker = stand.scene.worker()
    stand.drain(codes=(0, 1))
    return 0


def broker_is_flushed(stand: Stand) -> int:
    stand.midway()
    stand.broker.flush()
    stand.drain()
    return 0
