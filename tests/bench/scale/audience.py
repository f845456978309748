"""A million people, and the sites that take their mail; how their expansion compares with a bare INSERT … SELECT."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from django.db import connection

from contacts.models import List
from delivery.models import Mailing
from delivery.queue import expand
from tests.bench import machine, people

DOMAINS = 30_000
SITES = 2_000  # of the many small domains; the ten large ones have their own

_SITES = """
    INSERT INTO delivery_site (key, provider, first_seen_at)
    SELECT 'mx' || n || '.example.net', '', now() FROM generate_series(0, %(sites)s - 1) AS n
"""
_DOMAINS_TO_SITES = """
    UPDATE delivery_domain d SET site_id = s.id, checked_at = now()
    FROM generate_series(0, %(domains)s - 1) AS n
    JOIN delivery_site s ON s.key = 'mx' || (CASE WHEN n < 10 THEN n ELSE 10 + n %% (%(sites)s - 10) END)
        || '.example.net'
    WHERE d.name = 'd' || n || '.example.net'
"""
_BARE = """
    INSERT INTO bench_message (id, mailing_id, contact_id, rcpt, domain_id, state, attempts)
    SELECT row_number() OVER (ORDER BY c.id), %(mailing)s, c.id, c.address, d.id, 0, 0
    FROM contacts_subscription s
    JOIN contacts_contact c ON c.id = s.contact_id
    JOIN delivery_domain d ON d.name = c.domain
    WHERE s.list_id = %(list)s ORDER BY c.id
"""


def fill(everyone: List, number: int) -> None:
    people.fill(everyone, number, domains=DOMAINS, evenly=False)
    with connection.cursor() as cursor:
        cursor.execute(_SITES, {"sites": SITES})
        cursor.execute(_DOMAINS_TO_SITES, {"sites": SITES, "domains": DOMAINS})
        cursor.execute("VACUUM ANALYZE delivery_site, delivery_domain")


@dataclass(frozen=True, slots=True)
class Expansion:
    """Seconds: of the longest step or slice, of all of it with its commits, of PostgreSQL's CPU; and of lanes."""

    longest: float
    whole: float
    cpu: float
    lanes: int


def expansion(mailing: Mailing) -> Expansion:
    """Expand it, slice by slice, each in its transaction, as the tick does."""
    cpu = machine.postgres_seconds()
    moments = [time.monotonic()]
    more = True
    while more:
        more = expand.expand(mailing.pk)
        moments.append(time.monotonic())
    mailing.refresh_from_db()
    longest = max(after - before for before, after in pairwise(moments))
    cpu = machine.postgres_seconds() - cpu
    return Expansion(longest, moments[-1] - moments[0], cpu, mailing.runs.count())


def bare(mailing: Mailing, everyone: List) -> tuple[float, float]:
    """One INSERT … SELECT of the same rows into a table with the same indexes, without foreign keys.

    Seconds, and those of PostgreSQL's CPU.
    """
    with _bare_table(), connection.cursor() as cursor:
        cpu, began = machine.postgres_seconds(), time.monotonic()
        cursor.execute(_BARE, {"mailing": mailing.pk, "list": everyone.pk})
        return time.monotonic() - began, machine.postgres_seconds() - cpu


@contextmanager
def _bare_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_message (LIKE delivery_message INCLUDING DEFAULTS INCLUDING INDEXES)"
            " WITH (fillfactor = 50)"
        )
        cursor.execute("CHECKPOINT")
        try:
            yield
        finally:
            cursor.execute("DROP TABLE bench_message")


def forget(mailing: Mailing) -> None:
    """As if it had never been expanded; nothing else may have been."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_message, delivery_deferral, delivery_messageexception CASCADE")
    mailing.delete()
