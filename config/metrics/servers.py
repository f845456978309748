"""What the database and the broker say of themselves."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from kombu.connection import Connection
from kombu.exceptions import KombuError

QUEUES = ("send", "work")
SECONDS = 2

_CONNECTIONS = """
    SELECT CASE WHEN state IN ('active', 'idle', 'idle in transaction') THEN state ELSE 'other' END, count(*)
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND coalesce(backend_type, 'client backend') = 'client backend' GROUP BY 1
"""
_DATABASE = """
    SELECT xact_commit, xact_rollback, deadlocks, pg_database_size(datid),
        current_setting('max_connections')::integer,
        (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())
    FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Database:
    """`size` in bytes; `oldest_transaction` in seconds; the rest are counts since the server's statistics began."""

    connections: dict[str, int]
    most_connections: int
    size: int
    oldest_transaction: float
    commits: int
    rollbacks: int
    deadlocks: int


def database() -> Database:
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        connections = {"active": 0, "idle": 0, "idle in transaction": 0, "other": 0} | dict(cursor.fetchall())
        cursor.execute(_DATABASE)
        commits, rollbacks, deadlocks, size, most, oldest = cursor.fetchone()
    return Database(connections, most, size, oldest, commits, rollbacks, deadlocks)


def broker_queues() -> dict[str, int] | None:
    """Tasks that wait in each queue; None when the broker does not answer."""
    # A broker that was stopped still takes connections: the answers have a time-out too.
    options = {"socket_connect_timeout": SECONDS, "socket_timeout": SECONDS}
    broker = Connection(settings.BROKER_URL, connect_timeout=SECONDS, transport_options=options)
    try:
        with broker:
            broker.ensure_connection(max_retries=1, timeout=SECONDS)
            return {queue: _length(broker, queue) for queue in QUEUES}
    except (KombuError, OSError, *broker.connection_errors):
        return None


def _length(broker: Connection, queue: str) -> int:
    """Valkey knows no empty queue: it is not found."""
    try:
        return int(broker.default_channel.queue_declare(queue=queue, passive=True).message_count)
    except broker.channel_errors:
        return 0
