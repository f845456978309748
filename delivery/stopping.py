"""Stops addresses whose mail fails: one path for what servers answer and for what they report later.

A message counts once. What speaks against an address is counted within its window, and only since the person last
got a mail or came back by their own act. When suspiciously many would be stopped, a person looks first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, notices
from accounts.audit import Actor
from accounts.models import User, Workspace
from accounts.roles import Role
from contacts import subscriptions
from contacts.addresses import key_of
from delivery import stops
from delivery.models import AddressFailure, Brakes
from delivery.queue import prepared

State = AddressFailure.State
HELD_NOTICE = "stops.held"
SLICE = 500

_ADD = """
    INSERT INTO delivery_addressfailure (workspace_id, address_key, reason, state, message_id, detail)
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS f(workspace_id bigint, address_key text, reason text, state smallint, message_id bigint, detail jsonb)
    ORDER BY message_id
    ON CONFLICT (message_id) DO NOTHING
    RETURNING id, message_id
"""
# A rehearsal in the sandbox speaks against nobody (Mailing.rehearsed).
_SENT = """
    SELECT m.id, m.rcpt, m.mailing_id, l.workspace_id
    FROM delivery_message m JOIN delivery_mailing l ON l.id = m.mailing_id
    WHERE m.id = ANY(%(messages)s::bigint[]) AND m.rcpt <> '' AND EXISTS (
        SELECT FROM delivery_mailingroute t JOIN delivery_route r ON r.id = t.route_id
        WHERE t.mailing_id = m.mailing_id AND r.kind <> 'sandbox'
    )
"""
# Ids grow with time: a mail that arrived after this one says that the mailbox works. A smarthost accepts everything,
# and reports for days what it could not deliver; and what the sandbox took arrived nowhere.
_COUNT = """
    SELECT f.address_key, f.reason, count(*)
    FROM delivery_addressfailure f
    JOIN unnest(%(reasons)s::text[], %(days)s::integer[]) AS rule(reason, days) ON rule.reason = f.reason
    LEFT JOIN contacts_contact c ON c.workspace_id = f.workspace_id AND c.address_key = f.address_key
    WHERE f.workspace_id = %(workspace)s AND f.address_key = ANY(%(keys)s) AND f.state <> %(dismissed)s
        AND f.at > now() - rule.days * interval '1 day'
        AND NOT EXISTS (
            SELECT FROM delivery_message m WHERE m.contact_id = c.id AND m.id > f.message_id
                AND m.state = 2 AND m.bounced_at IS NULL AND EXISTS (
                    SELECT FROM delivery_attempt a JOIN delivery_route r ON r.id = a.route_id
                    WHERE a.message_id = m.id AND a.result IN (2, 4) AND r.kind <> 'sandbox' AND (
                        (a.result = 2 AND (r.kind = 'direct' OR a.at < now() - %(reports)s * interval '1 day'))
                        OR EXISTS (
                            SELECT FROM delivery_event e
                            WHERE e.message_id = m.id AND e.kind IN ('open', 'click') AND e.machine IS NULL
                        )
                    )
                )
        )
        AND NOT EXISTS (
            SELECT FROM contacts_consentrecord r WHERE r.contact_id = c.id AND r.at > f.at
                AND r.action IN ('released', 'resubscribed')
        )
    GROUP BY 1, 2
"""
_TRIED = """
    SELECT coalesce(sum(t.n), 0) FROM delivery_tally t JOIN delivery_mailing m ON m.id = t.mailing_id
    WHERE m.workspace_id = %s AND m.started_at > now() - %s * interval '1 day'
        AND t.name IN ('delivered', 'failed', 'uncertain')
"""


@dataclass(frozen=True, slots=True)
class Failed:
    """One message that failed for a `reason` of stops.RULES. `report`: the one that told it."""

    message: int
    reason: str
    reply: str
    cause: str = ""
    report: int | None = None


def failed(failures: Iterable[Failed], *, source: str) -> dict[int, AddressFailure.State]:
    """Count them and stop whom it is enough for; within a transaction. By message id what was done; nothing for one
    that was counted before, whose person was erased meanwhile, or that only the sandbox got."""
    added = _add(failures)
    by_workspace: dict[int, list[AddressFailure]] = defaultdict(list)
    for row in added:
        by_workspace[row.workspace_id].append(row)
    for workspace, rows in by_workspace.items():
        _judge(workspace, rows, source)
    return {row.message_id: State(row.state) for row in added}


def _add(failures: Iterable[Failed]) -> list[AddressFailure]:
    by_message = {one.message: one for one in failures}
    sent = prepared.execute(_SENT, {"messages": list(by_message)})
    rows = {message: _row(by_message[message], rcpt, mailing, workspace) for message, rcpt, mailing, workspace in sent}
    if not rows:
        return []
    added = prepared.execute(_ADD, {"rows": json.dumps(list(rows.values()))})
    made = [AddressFailure(pk=key, **rows[message]) for key, message in added]
    # In one order, so that two batches never wait for each other in a ring.
    return sorted(made, key=lambda row: (row.address_key, row.pk))


def _row(one: Failed, rcpt: str, mailing: int, workspace: int) -> dict[str, Any]:
    detail = {"mailing": mailing, "message": one.message, "reply": one.reply[:300], "cause": one.cause}
    if one.report is not None:
        detail["report"] = one.report
    return {
        "workspace_id": workspace, "address_key": key_of(rcpt) or rcpt, "reason": one.reason,
        "state": int(State.COUNTED), "message_id": one.message, "detail": detail,
    }  # fmt: skip


def _judge(workspace: int, rows: Sequence[AddressFailure], source: str) -> None:
    counted = _counts(workspace, [row.address_key for row in rows if stops.RULES[row.reason].times > 1])
    enough = [row for row in rows if counted.get((row.address_key, row.reason), 1) >= stops.RULES[row.reason].times]
    if not enough:
        return
    if _too_many(workspace, len(enough)):
        _hold(workspace, enough)
        return
    _stop(enough, source)


def _counts(workspace: int, keys: list[str]) -> dict[tuple[str, str], int]:
    """By address and reason."""
    if not keys:
        return {}
    parameters: dict[str, Any] = {
        "workspace": workspace, "keys": keys, "dismissed": int(State.DISMISSED), "reports": stops.REPORTS_TAKE,
        "reasons": list(stops.RULES), "days": [rule.days for rule in stops.RULES.values()],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        return {(key, reason): number for key, reason, number in cursor.fetchall()}


def _stop(rows: Sequence[AddressFailure], source: str) -> None:
    for row in rows:
        mailing = str(row.detail.get("mailing", ""))
        subscriptions.suppress(
            row.workspace_id, row.address_key, row.reason, source=source, detail=row.detail, mailing_ref=mailing
        )
        row.state = State.STOPPED
    AddressFailure.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.STOPPED)


def _too_many(workspace: int, more: int) -> bool:
    """Beyond the threshold everybody waits, also those of the same batch, and who comes until somebody has decided."""
    if AddressFailure.objects.filter(workspace=workspace, state=State.HELD).exists():
        return True
    percent = (Brakes.objects.filter(workspace=workspace).first() or Brakes()).stops
    if percent is None:
        return False
    lately = AddressFailure.objects.filter(workspace=workspace, at__gt=timezone.now() - timedelta(hours=1))
    stopped = lately.filter(state=State.STOPPED).count() + more
    if stopped <= stops.LEAST_STOPPED:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_TRIED, [workspace, stops.SENT_LATELY])
        tried = int(cursor.fetchone()[0])
    return stops.too_many(stopped, tried, float(percent))


def _hold(workspace: int, rows: Sequence[AddressFailure]) -> None:
    """Told once, until somebody has decided."""
    first = not AddressFailure.objects.filter(workspace=workspace, state=State.HELD).exists()
    AddressFailure.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.HELD)
    for row in rows:
        row.state = State.HELD
    if first:
        admins = User.objects.filter(memberships__workspace=workspace, memberships__role=Role.ADMIN, is_active=True)
        notices.send(admins, Workspace.objects.get(pk=workspace), HELD_NOTICE, url=reverse("delivery:held_stops"))


def held_words(params: Mapping[str, object]) -> str:
    return _("Unusually many addresses would have been stopped for bounces. They wait until you have looked.")


def decide(workspace: Workspace, *, stop: bool, actor: Actor) -> int:
    """The addresses that are held: stop them (soon, by the clock), or let the failures mean nothing. How many."""
    rows = AddressFailure.objects.filter(workspace=workspace, state=State.HELD)
    with transaction.atomic():
        number = rows.update(state=State.DUE if stop else State.DISMISSED)
        if number:
            audit.record(actor, workspace, "stops.applied" if stop else "stops.dismissed", workspace, addresses=number)
    return number


@transaction.atomic
def advance() -> bool:
    """A slice of those that a person decided to stop. True while there may be more."""
    due = AddressFailure.objects.select_for_update(skip_locked=True).filter(state=State.DUE)
    rows = sorted(due.order_by("pk")[:SLICE], key=lambda row: row.address_key)
    _stop(rows, "bounce")
    return len(rows) == SLICE
