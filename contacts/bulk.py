"""Tag, list or stop many people at once, in slices, with a way back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import jobs, notices
from accounts.models import Job, JobState, User, Workspace
from contacts.models import Bulk, BulkSlice, Contact, List
from contacts.search import Filter, find

KIND = "bulk"
SLICE = 2000
AT_ONCE = 2000  # so many are done while the page waits
SECONDS = 4.0
State = Bulk.State

_HISTORY = "INSERT INTO contacts_contactchange (contact_id, at, actor_id, source, changes)"
_CONSENT = "INSERT INTO contacts_consentrecord (contact_id, list_id, action, at, actor_id, source, statement, detail)"
_TAG = f"""
WITH hit AS MATERIALIZED (
  SELECT id, tags FROM contacts_contact WHERE id = ANY(%(ids)s) AND NOT tags @> ARRAY[%(tag)s]),
done AS (UPDATE contacts_contact c SET tags = c.tags || ARRAY[%(tag)s], updated_at = now()
  FROM hit WHERE c.id = hit.id RETURNING c.id),
history AS ({_HISTORY} SELECT id, now(), %(actor)s, 'bulk',
  jsonb_build_object('tags', jsonb_build_array(to_jsonb(tags), to_jsonb(tags || ARRAY[%(tag)s]))) FROM hit)
SELECT id FROM done"""
_UNTAG = f"""
WITH hit AS MATERIALIZED (
  SELECT id, tags FROM contacts_contact WHERE id = ANY(%(ids)s) AND tags @> ARRAY[%(tag)s]),
done AS (UPDATE contacts_contact c SET tags = array_remove(c.tags, %(tag)s), updated_at = now()
  FROM hit WHERE c.id = hit.id RETURNING c.id),
history AS ({_HISTORY} SELECT id, now(), %(actor)s, 'undo',
  jsonb_build_object('tags', jsonb_build_array(to_jsonb(tags), to_jsonb(array_remove(tags, %(tag)s)))) FROM hit)
SELECT id FROM done"""
_LIST = f"""
WITH done AS (INSERT INTO contacts_subscription (list_id, contact_id, state, source)
  SELECT %(list)s, id, 'subscribed', 'bulk' FROM unnest(%(ids)s::bigint[]) id
  ON CONFLICT (list_id, contact_id) DO NOTHING RETURNING contact_id),
said AS ({_CONSENT} SELECT contact_id, %(list)s, 'subscribed', now(), %(actor)s, 'bulk', %(note)s, '{{}}' FROM done)
SELECT contact_id FROM done"""
_UNLIST = f"""
WITH done AS (DELETE FROM contacts_subscription WHERE list_id = %(list)s AND contact_id = ANY(%(ids)s)
  AND state = 'subscribed' AND source = 'bulk' RETURNING contact_id),
said AS ({_CONSENT} SELECT contact_id, %(list)s, 'unsubscribed', now(), %(actor)s, 'undo', '', '{{}}' FROM done)
SELECT contact_id FROM done"""
_STOP = f"""
WITH done AS (INSERT INTO contacts_suppression (workspace_id, address_key, reason, source, note, created_by_id,
                                                release_note)
  SELECT workspace_id, address_key, 'manual', 'bulk', %(note)s, %(actor)s, '' FROM contacts_contact
   WHERE id = ANY(%(ids)s)
  ON CONFLICT (workspace_id, address_key) WHERE released_at IS NULL DO NOTHING RETURNING workspace_id, address_key),
people AS MATERIALIZED (SELECT c.id FROM contacts_contact c JOIN done USING (workspace_id, address_key)),
said AS ({_CONSENT}
  SELECT id, NULL, 'stopped', now(), %(actor)s, 'bulk', %(note)s, '{{"reason": "manual"}}' FROM people)
SELECT id FROM people"""
_RELEASE = f"""
WITH done AS (UPDATE contacts_suppression s SET released_at = now(), released_by_id = %(actor)s, release_note = 'undo'
  FROM contacts_contact c WHERE c.id = ANY(%(ids)s) AND s.workspace_id = c.workspace_id
   AND s.address_key = c.address_key AND s.released_at IS NULL AND s.reason = 'manual' AND s.source = 'bulk'
  RETURNING c.id),
said AS ({_CONSENT} SELECT id, NULL, 'released', now(), %(actor)s, 'undo', '', '{{"reason": "manual"}}' FROM done)
SELECT id FROM done"""
_DO = {Bulk.Action.TAG: _TAG, Bulk.Action.LIST: _LIST, Bulk.Action.STOP: _STOP}
_UNDO = {Bulk.Action.TAG: _UNTAG, Bulk.Action.LIST: _UNLIST, Bulk.Action.STOP: _RELEASE}


def start(
    workspace: Workspace, action: str, detail: dict[str, Any], who: dict[str, Any], *, by: User | None, expected: int
) -> Bulk:
    """Begin. A few are done before this returns; many get a job, which `advance` works on."""
    bulk = Bulk.objects.create(workspace=workspace, action=action, detail=detail, who=who, created_by=by)
    return _begin(bulk, by, expected)


def undo(bulk: Bulk, by: User | None) -> bool:
    """Take it back where it still stands. False when it still runs or was taken back."""
    over = [JobState.CANCELLED, JobState.FAILED]
    stopped = Q(state__in=[State.RUNNING, State.UNDOING], job__state__in=over)
    ended = Bulk.objects.filter(Q(state=State.DONE) | stopped, pk=bulk.pk)
    changed = ended.update(state=State.UNDOING, cursor=0)
    if changed:
        bulk.refresh_from_db()
        _begin(bulk, by, bulk.changed)
    return bool(changed)


def advance(job_id: int, seconds: float = SECONDS) -> bool:
    """Work for a few seconds. True when there is more to do."""
    job = jobs.take(job_id)
    if job is None:
        return False
    bulk = Bulk.objects.select_related("workspace").get(job_id=job_id)
    until, more = time.monotonic() + seconds, True
    try:
        while more and time.monotonic() < until:
            more = _commit(bulk, job, job.created_by)
    except Exception as error:
        if not jobs.stumble(job, error):
            _break_off(bulk, job)
        return False
    if more:
        return jobs.release(job)
    jobs.finish(job)
    return False


def is_working(bulk: Bulk) -> bool:
    """Whether slices still come; a cancelled job leaves what it has done, which can be undone."""
    return bulk.state in (State.RUNNING, State.UNDOING) and bulk.job is not None and not bulk.job.over


def title(bulk: Bulk) -> str:
    """The name of the tag or list, or nothing."""
    if bulk.action == Bulk.Action.LIST:
        found = List.objects.of(bulk.workspace_id).filter(pk=bulk.detail["list"]).first()
        return found.name if found else ""
    return str(bulk.detail.get("tag", ""))


@transaction.atomic
def _break_off(bulk: Bulk, job: Job) -> None:
    """An error that lasts: what was done so far stays, and can be undone."""
    words = _("It broke off: an unexpected error came again at every try. What was done so far stays.")
    if jobs.fail(job, words) and job.created_by:
        url = reverse("contacts:bulk_result", args=[bulk.pk])
        notices.send([job.created_by], bulk.workspace, "bulk.broke_off", url=url)


def _begin(bulk: Bulk, by: User | None, expected: int) -> Bulk:
    if expected > AT_ONCE:
        bulk.job = jobs.create(bulk.workspace, KIND, params={"bulk": bulk.pk}, by=by, total=expected)
        bulk.save(update_fields=["job"])
        return bulk
    while _commit(bulk, None, by):
        pass
    return bulk


def _commit(bulk: Bulk, job: Job | None, by: User | None) -> bool:
    """One slice and the heartbeat that says the job is ours, both or neither."""
    step: Callable[[Bulk, User | None], bool] = _step if bulk.state == State.RUNNING else _step_back
    with transaction.atomic():
        more = step(bulk, by)
        if job and not jobs.heartbeat(job, done=bulk.changed):
            transaction.set_rollback(True)
            return False
    return more


def _step(bulk: Bulk, by: User | None) -> bool:
    people = find(bulk.workspace, Filter.of(bulk.who["filter"])) if "filter" in bulk.who else _named(bulk)
    if bulk.cursor:
        people = people.filter(pk__lt=bulk.cursor)
    ids = list(people.order_by("-pk").values_list("pk", flat=True)[:SLICE])
    if ids:
        changed = _run(_DO[Bulk.Action(bulk.action)], bulk, ids, by)
        BulkSlice.objects.create(bulk=bulk, contacts=changed)
        bulk.cursor, bulk.changed = ids[-1], bulk.changed + len(changed)
    if len(ids) < SLICE:
        bulk.state = State.DONE
    bulk.save(update_fields=["cursor", "changed", "state"])
    return bulk.state == State.RUNNING


def _step_back(bulk: Bulk, by: User | None) -> bool:
    found = bulk.slices.filter(pk__gt=bulk.cursor).first()
    if found:
        _run(_UNDO[Bulk.Action(bulk.action)], bulk, found.contacts, by)
        bulk.cursor = found.pk
    else:
        bulk.state = State.UNDONE
    bulk.save(update_fields=["cursor", "state"])
    return bulk.state == State.UNDOING


def _named(bulk: Bulk) -> Any:
    return Contact.objects.of(bulk.workspace_id).filter(pk__in=bulk.who["ids"], erased_at=None)


def _run(sql: str, bulk: Bulk, ids: list[int], by: User | None) -> list[int]:
    parameters = {"ids": ids, "actor": by and by.pk, "note": bulk.detail.get("note", "")} | bulk.detail
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return sorted(row[0] for row in cursor.fetchall())
