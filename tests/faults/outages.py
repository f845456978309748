"""What the workers stand on goes away, or does not answer them: database and broker."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from contextlib import ExitStack, suppress

import psycopg
from django.db import connection

from config.embedded import places, postgres
from delivery.models import Limit, Route
from delivery.throttle import SLICE
from tests.faults import kills, place, workers
from tests.faults.stand import Stand

RATE = 150  # a second
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


def pace_after_the_broker(stand: Stand) -> int:
    """What was not sent while the broker was away is not caught up in a burst."""
    Limit.objects.create(route=Route.objects.get(mailingroute__mailing=stand.mailing), per_second=RATE)
    stand.midway()
    stand.broker.kill()
    time.sleep(2 + stand.chance.random())
    stand.broker.start()
    stand.until(lambda: stand.ended() or not stand.worker.alive())
    if not stand.worker.alive():
        stand.worker = stand.scene.worker()
    stand.drain(codes=(0, 1))
    times = sorted(line.time for line in stand.ledger())
    busiest = max(bisect_right(times, first + 1.0) - number for number, first in enumerate(times))
    assert busiest <= RATE * (1 + SLICE), f"{busiest} within one second, and {RATE} are allowed"
    return 0


def line_dies(stand: Stand) -> int:
    """Without a word, for longer than the leases: others do the rest, and the fence stops what the first still wants.

    Its SMTP goes on meanwhile.
    """
    line = stand.scene.line
    assert line is not None
    stand.midway()
    line.cut()
    return kills.goes_on_after_its_leases(stand, line.mend)


def no_connection_is_free(stand: Stand) -> int:
    """The database takes nobody in, and what the workers had is gone."""
    stand.midway()
    with ExitStack() as held:
        taken: list[int] = []
        _take_all(held, taken)
        workers.number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> ALL(%s)",
            taken,
        )
        _take_all(held, taken)
        time.sleep(2 + stand.chance.random())
    stand.drain()
    return 0


def _take_all(held: ExitStack, taken: list[int]) -> None:
    with suppress(psycopg.OperationalError):  # too many clients already
        while True:
            session = held.enter_context(psycopg.connect(**postgres.dsn(places.postgres_place(place.VAR))))
            taken.append(session.info.backend_pid)


def deadlock(stand: Stand) -> int:
    """The database ends a worker's transaction so that another one can go on."""
    stand.midway()
    before = _deadlocks()
    with psycopg.connect(**postgres.dsn(places.postgres_place(place.VAR))) as session:
        session.execute("SET deadlock_timeout = '20s'")  # so that it is not ours that is ended
        session.execute("LOCK TABLE delivery_tally IN EXCLUSIVE MODE")  # final states are counted there, at last
        workers.wait_for(lambda: workers.sessions_waiting_for_a_lock() > 0, seconds=20)
        session.execute("LOCK TABLE delivery_message IN EXCLUSIVE MODE")
    stand.drain()
    assert _deadlocks() > before, "there was none"
    return 0


def _deadlocks() -> int:
    return workers.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
