"""kill -9 of the process that imports, at random moments: the database is the judge."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
from django.db import connection

from accounts.models import Job, Workspace
from contacts import counts, importing
from contacts.models import ConsentRecord, Contact, ContactChange, Import, List, StagedRow, Subscription

ROWS, KILLS = 4000, 4
# What a worker's process does, in slices small enough to be hit in the middle.
WORKER = """
import sys, django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from contacts import importing
from contacts.importing import applying, staging
applying.SLICE = staging.SLICE = 200
print("ready", flush=True)
while importing.advance(int(sys.argv[2]), seconds=1):
    pass
"""


def work_and_die(job_id: int | None, chance: random.Random) -> bool:
    """Whether the worker came to its end before it was killed."""
    name = connection.settings_dict["NAME"]
    words = [sys.executable, "-c", WORKER, name, str(job_id)]
    with subprocess.Popen(words, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.05, 1.0))
        worker.kill()
        ended = worker.wait() == 0
    Job.objects.filter(pk=job_id).update(heartbeat_at=None)  # the 30 s after which it counts as lost
    return ended


def run_with_kills(imported: Import, chance: random.Random) -> None:
    imported.refresh_from_db()
    for _kill in range(KILLS):
        work_and_die(imported.job_id, chance)
    while importing.advance(imported.job_id or 0):
        pass
    imported.refresh_from_db()


@pytest.mark.django_db(transaction=True)
def test_an_import_whose_worker_is_killed_has_every_row_once() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    workspace = Workspace.objects.create(name="Minori Tea")
    news = List.objects.create(workspace=workspace, name="News", list_id_label="news")
    lines = "".join(f"p{n % (ROWS - 50)}@m.example,Person {n}\n" for n in range(ROWS))
    imported = importing.receive(workspace, "many.csv", [b"email,name\n", lines.encode()], None)
    importing.decide(imported, ["address", "full_name"], importing.Options(lists=[news.pk], statement="test"))
    run_with_kills(imported, random.Random(seed))
    assert (imported.state, imported.rows, imported.estimate["added"]) == ("checked", ROWS, ROWS - 50)

    importing.confirm(imported, None)
    run_with_kills(imported, random.Random(seed + 1))
    assert imported.state == "done"
    assert (imported.counts["added"], imported.counts["duplicate"]) == (ROWS - 50, 50)
    for model in (Contact, Subscription, ConsentRecord, ContactChange):
        assert model._default_manager.count() == ROWS - 50, model
    assert counts.people(workspace).total == ROWS - 50
    assert imported.problems.count() == 50 and not StagedRow.objects.exists()
