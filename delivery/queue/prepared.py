"""Statements of the hot path: parsed and planned once a connection. Django's own cursors send them whole each time,
and planning the gate costs more than running it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection


def execute(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows, if there are any. Every parameter needs a type that the statement makes plain."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []
