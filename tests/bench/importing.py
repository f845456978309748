"""How fast people come in: the product's import against a bare COPY of the same rows.

`apart(100_000)` is what `make bench` prints; `python -m tests.bench.importing` (make bench-import) brings a million in
and watches the worker's memory. Both work in a database of their own, on the bench's durable PostgreSQL, and drop it.

The import is everything between a person's yes and the result: rows from the staging table into contacts, history,
lists and consent, with counters, in slices. `whole` adds the upload and the dry run. The reference is a COPY of the
very rows that the import wrote into tables with the same columns and indexes, without triggers or foreign keys.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench import place

TABLES = ("contacts_contact", "contacts_contactchange", "contacts_subscription", "contacts_consentrecord")
DATABASE = "bench_import"
MILLION = 1_000_000
WORKER_MB = 300
RATIO = 1 / 15


def lines(rows: int) -> Iterator[bytes]:
    """A file like a shop's: addresses at known and at other domains, names in two scripts, a rank, a date."""
    domains = ("gmail.com", "docomo.ne.jp", "icloud.com", "yahoo.co.jp", "example.com")
    yield b"email,name,rank,joined\r\n"
    for first in range(0, rows, 1000):
        block = (line(n, domains[n % 5]) for n in range(first, min(first + 1000, rows)))
        yield "".join(block).encode()


def line(n: int, domain: str) -> str:
    name, rank = ("山田 花子" if n % 2 else "Ken Sato"), ("gold" if n % 7 else "")
    return f"person.{n:07}@{domain},{name},{rank},2024-03-{n % 28 + 1:02}\r\n"


@contextmanager
def scratch_database() -> Iterator[None]:
    """Django's default connection on a fresh, migrated database, with the durability of the install's server."""
    from django.conf import settings
    from django.db import connection, connections

    from config.embedded import postgres

    if settings.EMBEDDED:
        settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
        postgres.start(settings.VAR)
    settings.DATABASES["default"]["TEST"]["NAME"] = DATABASE
    old = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connections.close_all()
        connection.creation.destroy_test_db(old, verbosity=0)


def figures(rows: int) -> dict[str, float]:
    """Seconds and rates of both, their ratio, and the memory that the import took."""
    done = bring(rows)
    memory = memory_mb()
    copy = copy_again()
    return {
        "rows": rows,
        **done,
        "copy_seconds": copy,
        "import_rate": rows / done["write_seconds"],
        "whole_rate": rows / done["whole_seconds"],
        "copy_rate": rows / copy,
        "ratio": copy / done["write_seconds"],
        "ratio_whole": copy / done["whole_seconds"],
        "memory_mb": memory,
    }


def bring(rows: int) -> dict[str, float]:
    """Upload, dry run, yes, write: as the pages and the worker do it."""
    from accounts.models import Workspace
    from contacts import importing
    from contacts.models import Contact, List

    workspace = Workspace.objects.create(name="Bench")
    news = List.objects.create(workspace=workspace, name="News", list_id_label="news")
    started = time.perf_counter()
    imported = importing.receive(workspace, "bench.csv", lines(rows), None)
    uploaded = time.perf_counter()
    options = importing.Options(lists=[news.pk], tags=["bench"], statement="Made for a measurement")
    importing.decide(imported, ["address", "full_name", "new:text", "new:date"], options)
    _work(imported)
    checked = time.perf_counter()
    importing.confirm(imported, None)
    _work(imported)
    ended = time.perf_counter()
    assert Contact.objects.of(workspace).count() == rows == imported.counts["added"], imported.counts
    return {
        "upload_seconds": uploaded - started,
        "check_seconds": checked - uploaded,
        "write_seconds": ended - checked,
        "whole_seconds": ended - started,
    }


def _work(imported: Any) -> None:
    from contacts import importing

    imported.refresh_from_db()
    while importing.advance(imported.job_id):
        pass
    imported.refresh_from_db()


def copy_again() -> float:
    """Seconds of a bare COPY of what the import wrote, table by table, with the same indexes."""
    from django.db import connection, transaction

    seconds = 0.0
    with connection.cursor() as cursor:
        for table in TABLES:
            blocks = _copied_out(cursor, table)
            cursor.execute(f"CREATE TABLE bench_copy (LIKE {table} INCLUDING DEFAULTS INCLUDING INDEXES)")
            started = time.perf_counter()
            with transaction.atomic(), cursor.copy("COPY bench_copy FROM STDIN") as copy:
                for block in blocks:
                    copy.write(block)
            seconds += time.perf_counter() - started
            cursor.execute("DROP TABLE bench_copy")
    return seconds


def _copied_out(cursor: Any, table: str) -> list[bytes]:
    blocks, buffer = [], bytearray()
    with cursor.copy(f"COPY {table} TO STDOUT") as copy:
        for row in copy:
            buffer += row
            if len(buffer) > 1 << 20:
                blocks.append(bytes(buffer))
                buffer.clear()
    return [*blocks, bytes(buffer)]


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_figures(found: dict[str, float]) -> None:
    print(f"{found['rows']:,.0f} people imported in {found['write_seconds']:.1f} s ({found['import_rate']:,.0f}/s);")
    print(f"  with upload ({found['upload_seconds']:.1f} s) and dry run ({found['check_seconds']:.1f} s):", end=" ")
    print(f"{found['whole_seconds']:.1f} s ({found['whole_rate']:,.0f}/s)")
    print(f"  bare COPY of the same rows, same indexes: {found['copy_seconds']:.1f} s ({found['copy_rate']:,.0f}/s)")
    enough = found["memory_mb"] < WORKER_MB
    print(f"  memory of the worker: {found['memory_mb']:.0f} MB (below {WORKER_MB}: {'yes' if enough else 'NO'})")
    print(f"  ratio 1/{1 / found['ratio']:.1f}, with upload and dry run 1/{1 / found['ratio_whole']:.1f}", end=" ")
    print(f"(at least 1/15 is wanted: {'yes' if found['ratio'] >= RATIO else 'NO'})", flush=True)


def main(rows: int) -> int:
    import django

    django.setup()
    with scratch_database():
        found = figures(rows)
    print(json.dumps(found))
    return 0


def apart(rows: int) -> dict[str, float]:
    """The figures from a process of its own, whose memory is that of one worker."""
    environment = os.environ | {"BENCH_ROWS": str(rows)}
    words = [sys.executable, "-m", "tests.bench.importing", "--worker"]
    child = subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return found


def million(rows: int) -> int:
    """Bring them in, and judge."""
    place.prepare()
    try:
        found = apart(rows)
    finally:
        place.leave()
    print_figures(found)
    return 0 if found["memory_mb"] < WORKER_MB and found["ratio"] >= RATIO else 1


if __name__ == "__main__":
    wanted = int(os.environ.get("BENCH_ROWS", MILLION))
    sys.exit(main(wanted) if "--worker" in sys.argv else million(wanted))
