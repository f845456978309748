"""What a person decides about an import, and the background job that does it in slices of seconds."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts import jobs, notices
from accounts.models import Job, JobState, User
from contacts.field_keys import free_key
from contacts.importing import applying, staging, undoing
from contacts.importing.mapping import Options
from contacts.importing.problems import FileProblem
from contacts.importing.staging import Stager
from contacts.models import Import, ImportChunk, List, StagedRow

KIND = "import"
SECONDS = 4.0  # of work before the worker is free for others
KEPT_DAYS = 30
State = Import.State
WORKING = (State.CHECKING, State.IMPORTING, State.UNDOING)


def choose(imported: Import, mapping: Sequence[str]) -> bool:
    """Keep where the columns go. False when the import is already past that."""
    open_states = [State.UPLOADED, State.CHECKED]
    return bool(Import.objects.filter(pk=imported.pk, state__in=open_states).update(mapping=list(mapping)))


def earlier(imported: Import) -> Import | None:
    """The last import that ended and had the same columns: its mapping is likely right again."""
    same = Import.objects.of(imported.workspace_id).filter(columns=imported.columns, state=State.DONE)
    return same.exclude(pk=imported.pk).order_by("-pk").first() if any(imported.columns) else None


def mapping_of(imported: Import) -> list[str]:
    """The mapping of an import that ended: the fields it made are fields now."""
    return staging.keyed_mapping(imported)


@transaction.atomic
def decide(imported: Import, mapping: Sequence[str], options: Options) -> bool:
    """Keep the mapping and the options, and begin the dry run. False when the import is already past that."""
    lists = List.objects.of(imported.workspace_id).filter(pk__in=options.lists).order_by("pk")
    options = replace(options, lists=list(lists.values_list("pk", flat=True)), new_keys=_new_keys(imported, mapping))
    changed = Import.objects.filter(pk=imported.pk, state__in=[State.UPLOADED, State.CHECKED]).update(
        state=State.CHECKING, mapping=list(mapping), options=options.stored(), offset=0, lines=0, rows=0, cursor=0
    )
    return bool(changed) and _begin(imported, "check", imported.created_by)


@transaction.atomic
def confirm(imported: Import, by: User | None) -> bool:
    """The yes after the dry run: make the new fields, and write. False when somebody said it before.

    Where one of the fields was made meanwhile, of another kind, the dry run begins again, with that kind: then it ends
    in CHECKED once more, with the values that do not fit among its problems.
    """
    changed = Import.objects.filter(pk=imported.pk, state=State.CHECKED).update(
        state=State.IMPORTING, cursor=0, counts=_settled(imported.estimate), started_at=timezone.now(), created_by=by
    )
    if not changed:
        return False
    kinds = applying.make_fields(imported, _labels(imported))
    if all(kinds[key] == field.kind for key, field in staging.new_fields(imported).items()):
        return _begin(imported, "write", by)
    Import.objects.filter(pk=imported.pk).update(state=State.CHECKED, counts={}, started_at=None)
    return decide(imported, staging.keyed_mapping(imported), Options.of(imported.options))


@transaction.atomic
def undo(imported: Import, by: User | None) -> bool:
    """Take it back. False when it did not end, was taken back before, or is too long ago."""
    ended = Import.objects.filter(pk=imported.pk, state__in=[State.DONE, State.STOPPED], finished_at__gt=_undo_from())
    changed = ended.update(state=State.UNDOING, cursor=0, undone={}, problem={})
    return bool(changed) and _begin(imported, "undo", by)


def stop(imported: Import) -> bool:
    """Stop a dry run (back to the mapping) or the writing (the rows written so far stay, and can be undone)."""
    stopped = imported.state in WORKING and imported.job is not None and jobs.cancel(imported.job)
    settle_cancelled(imported.pk)
    return stopped


def settle_cancelled(pk: int | None = None) -> None:
    """Give an import whose job was cancelled (all of them without `pk`) the state that it is in now."""
    found = Import.objects.filter(job__state=JobState.CANCELLED)
    found = found.filter(pk=pk) if pk else found
    found.filter(state=State.CHECKING).update(state=State.UPLOADED)
    found.filter(state__in=[State.IMPORTING, State.UNDOING]).update(state=State.STOPPED, finished_at=timezone.now())


def can_undo(imported: Import) -> bool:
    ended = imported.state in (State.DONE, State.STOPPED)
    return ended and imported.finished_at is not None and imported.finished_at > _undo_from()


def advance(job_id: int, seconds: float = SECONDS) -> bool:
    """Work on the job for a few seconds. True when there is more to do and the next slice may begin."""
    job = jobs.take(job_id)
    if job is None:
        return False
    imported = Import.objects.select_related("workspace", "job").get(job_id=job_id)
    try:
        finished = _work(imported, job, until=time.monotonic() + seconds)
    except FileProblem as problem:
        staging.refuse(imported, problem)
        if jobs.fail(job, problem.words):
            _tell(imported, job, State.FAILED)
        return False
    except Exception as error:
        if not jobs.stumble(job, error):
            _break_off(imported.pk, job)
        return False
    return not finished and jobs.release(job)


def purge(now: dt.datetime | None = None) -> None:
    """Forget files and staged rows of imports older than a month; the results stay."""
    old = Import.objects.filter(created_at__lt=(now or timezone.now()) - dt.timedelta(days=KEPT_DAYS))
    old = old.exclude(state__in=[State.CHECKING, State.IMPORTING, State.UNDOING])
    ImportChunk.objects.filter(imported__in=old).delete()
    StagedRow.objects.filter(imported__in=old).delete()


def _new_keys(imported: Import, mapping: Sequence[str]) -> list[str]:
    """A key for every field that the mapping makes."""
    keys: list[str] = []
    for label, target in zip(imported.columns, mapping, strict=True):
        if target.startswith("new:"):
            keys.append(free_key(imported.workspace_id, label, target.removeprefix("new:"), keys))
    return keys


def _undo_from() -> dt.datetime:
    return timezone.now() - dt.timedelta(days=undoing.REASONABLE_DAYS)


def _settled(estimate: dict[str, int]) -> dict[str, int]:
    """The counts that the dry run decided for good: what is wrong inside the file."""
    return {name: estimate.get(name, 0) for name in ("duplicate", "invalid", "field", "fixed")}


def _begin(imported: Import, work: str, by: User | None) -> bool:
    job = jobs.create(imported.workspace, KIND, params={"import": imported.pk, "work": work}, by=by)
    Import.objects.filter(pk=imported.pk).update(job=job)
    imported.refresh_from_db()
    return True


def _work(imported: Import, job: Job, *, until: float) -> bool:
    """True when the job has ended, by itself or by somebody's stop."""
    if imported.state == State.CHECKING:
        return _check(imported, job, until)
    if imported.state == State.IMPORTING:
        return _write(imported, job, until)
    return _undo(imported, job, until)


def _check(imported: Import, job: Job, until: float) -> bool:
    if imported.offset == 0:
        with transaction.atomic():
            staging.clear(imported)
            imported.save()
    if imported.cursor == 0:
        stager = Stager(imported)
        if not _slices(stager.step, imported, job, until, half=1):
            return False
        staging.refresh_statistics()
    if not _slices(lambda: applying.check_step(imported), imported, job, until, half=2):
        return False
    return _end(imported, job, State.CHECKING, State.CHECKED)


def _write(imported: Import, job: Job, until: float) -> bool:
    if imported.cursor == 0:
        staging.refresh_statistics()
    if not _slices(lambda: applying.write_step(imported), imported, job, until):
        return False
    Import.objects.filter(pk=imported.pk).update(finished_at=timezone.now())
    return _end(imported, job, State.IMPORTING, State.DONE)


def _undo(imported: Import, job: Job, until: float) -> bool:
    if not _slices(lambda: undoing.step(imported, job.created_by_id), imported, job, until):
        return False
    return _end(imported, job, State.UNDOING, State.UNDONE)


@transaction.atomic
def _break_off(pk: int, job: Job) -> None:
    """An error that lasts: the file is given up, or what was written (or taken back) so far stays."""
    imported = Import.objects.select_for_update().get(pk=pk)
    problem = FileProblem(f"broke_off_{imported.state}")
    if not jobs.fail(job, problem.words):
        return
    if imported.state == State.CHECKING:
        staging.refuse(imported, problem)
    else:
        Import.objects.filter(pk=pk).update(
            state=State.STOPPED, finished_at=timezone.now(), problem={"code": problem.code, "params": {}}
        )
    _tell(imported, job, problem.code)


def _slices(step: Callable[[], bool], imported: Import, job: Job, until: float, half: int = 0) -> bool:
    """Whether the steps came to their end in time. Each commits with the heartbeat that says the job is ours."""
    late = False
    while not late:
        with transaction.atomic():
            _keep_to_indexes()
            if not step():
                return True
            if not jobs.heartbeat(job, done=_done(imported, half), total=_total(imported, half)):
                transaction.set_rollback(True)
                return False
        late = time.monotonic() >= until
    return False


def _keep_to_indexes() -> None:
    """A slice is a few thousand rows of tables that may hold millions, and whose statistics lag far behind while an
    import fills them: without this the planner sometimes reads a whole table for every slice."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")


def _done(imported: Import, half: int) -> int:
    """Octets while the file is read; of the check, the rows come on top in the same measure."""
    if half == 1:
        return imported.offset
    if half == 2:
        return imported.size + imported.size * imported.cursor // max(1, staging.last_row(imported))
    return imported.cursor if imported.state == State.IMPORTING else sum(imported.undone.values())


def _total(imported: Import, half: int) -> int:
    if half:
        return imported.size * 2
    if imported.state == State.IMPORTING:
        return staging.last_row(imported)
    return sum(imported.counts.get(name, 0) for name in ("added", "updated"))


def _labels(imported: Import) -> dict[str, tuple[str, str]]:
    fresh = staging.new_fields(imported)
    columns = [
        name for name, target in zip(imported.columns, imported.mapping, strict=True) if target.startswith("new:")
    ]
    return {key: (label or key, field.kind) for (key, field), label in zip(fresh.items(), columns, strict=True)}


@transaction.atomic
def _end(imported: Import, job: Job, from_state: str, to_state: str) -> bool:
    changed = Import.objects.filter(pk=imported.pk, state=from_state).update(state=to_state)
    if changed and jobs.finish(job):
        _tell(imported, job, to_state)
    return True


def _tell(imported: Import, job: Job, state: str) -> None:
    if job.created_by:
        url = reverse("contacts:import_result", args=[imported.pk])
        notices.send([job.created_by], imported.workspace, f"import.{state}", params={"name": imported.name}, url=url)
