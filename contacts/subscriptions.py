"""Who may be written to, and what changes that. Each verb is one statement from a named state, and safe to repeat.

A verb says whether anything changed. What a person did themselves (left, complained) only that person can take
back: `release` leaves those alone. Every change writes its consent record in the same statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone

from contacts.models import ConsentRecord, Contact, List, Subscription, Suppression

if TYPE_CHECKING:
    from accounts.models import User, Workspace

Reason = Suppression.Reason
ONLY_THE_PERSON = (Reason.COMPLAINT, Reason.UNSUBSCRIBED, Reason.ERASED)
"""Stops that no member of a workspace can lift."""
TO_CONFIRM = (Reason.COMPLAINT, Reason.NO_SUCH_USER, Reason.INACTIVE, Reason.REFUSED, Reason.FULL)
"""Stops that the person ends by a link that was mailed to the address: it reaches nobody else, and proves that the
mailbox works. The link in a letter may have been passed on with it."""
OF_THE_PERSON = (*ONLY_THE_PERSON, Reason.MANUAL)
"""Stops that go with the person to a new address; all others are of the mailbox, and stay with the old one."""

# Gravest first: a graver reason replaces a lighter one, never the reverse.
GRAVITY = [
    Reason.ERASED,
    Reason.COMPLAINT,
    Reason.UNSUBSCRIBED,
    Reason.NO_SUCH_USER,
    Reason.INACTIVE,
    Reason.REFUSED,
    Reason.FULL,
    Reason.MANUAL,
]

_CONSENT = """
INSERT INTO contacts_consentrecord (contact_id, list_id, action, actor_id, source, statement, mailing_ref, detail)
"""
_LISTS = """
WITH changed AS (
  INSERT INTO contacts_subscription (list_id, contact_id, state, source)
  SELECT l.id, %(contact)s, %(state)s, %(source)s FROM contacts_list l
   WHERE l.workspace_id = %(workspace)s AND l.id = ANY(%(lists)s)
  ON CONFLICT (list_id, contact_id)"""
_MOVE = """
  DO UPDATE SET state = excluded.state, changed_at = now(), source = excluded.source
   WHERE contacts_subscription.state <> excluded.state"""
# A row that says "unsubscribed" stays: only the person comes back, by _MOVE.
_STAY = """
  DO NOTHING"""
_RECORD = f"""
  RETURNING list_id) {_CONSENT}
SELECT %(contact)s, list_id, %(action)s, %(actor)s, %(source)s, %(statement)s, %(ref)s, '{{}}' FROM changed"""
_STOP = (
    """
WITH changed AS (
  INSERT INTO contacts_suppression (workspace_id, address_key, reason, source, detail, note, created_by_id,
                                    release_note)
  VALUES (%(workspace)s, %(key)s, %(reason)s, %(source)s, %(detail)s::jsonb, %(note)s, %(actor)s, '')
  ON CONFLICT (workspace_id, address_key) WHERE released_at IS NULL
  DO UPDATE SET reason = excluded.reason, source = excluded.source, detail = excluded.detail, note = excluded.note,
                created_at = now(), created_by_id = excluded.created_by_id
   WHERE array_position(%(gravity)s, excluded.reason) < array_position(%(gravity)s, contacts_suppression.reason)
  RETURNING address_key), said AS ("""
    + _CONSENT
    + """SELECT c.id, NULL, 'stopped', %(actor)s, %(source)s, %(note)s, %(ref)s, %(detail)s::jsonb || %(why)s::jsonb
      FROM changed JOIN contacts_contact c ON c.workspace_id = %(workspace)s AND c.address_key = changed.address_key)
SELECT count(*) FROM changed"""
)
_LIFT = (
    """
WITH changed AS (
  UPDATE contacts_suppression SET released_at = now(), released_by_id = %(actor)s, release_note = %(note)s
   WHERE workspace_id = %(workspace)s AND address_key = %(key)s AND released_at IS NULL AND reason = ANY(%(reasons)s)
  RETURNING address_key, reason), said AS ("""
    + _CONSENT
    + """SELECT c.id, NULL, 'released', %(actor)s, %(source)s, %(note)s, '',
             jsonb_build_object('reason', changed.reason)
      FROM changed JOIN contacts_contact c ON c.workspace_id = %(workspace)s AND c.address_key = changed.address_key)
SELECT count(*) FROM changed"""
)


@dataclass(frozen=True)
class Choice:
    """One list on a person's preferences page."""

    list: List
    subscribed: bool


@dataclass(frozen=True)
class Preferences:
    """What a person takes: the public lists, those they are on first, and what stops all mail."""

    choices: list[Choice]
    stop: Suppression | None

    @property
    def to_confirm(self) -> bool:
        return self.stop is not None and self.stop.reason in TO_CONFIRM

    @property
    def for_good(self) -> bool:
        """The person wants none: there is nothing more to stop."""
        return self.stop is not None and self.stop.reason in ONLY_THE_PERSON

    @property
    def by_sender(self) -> bool:
        return self.stop is not None and self.stop.reason == Reason.MANUAL


def subscribe(
    contact: Contact, lists: Iterable[List], *, source: str, actor: User | None = None, statement: str = ""
) -> bool:
    """Put on lists, by somebody for the person: who has left a list stays away from it."""
    return _change_lists("subscribed", contact, lists, source=source, actor=actor, statement=statement)


def unsubscribe(
    contact: Contact,
    lists: Iterable[List] | None = None,
    *,
    source: str,
    mailing_ref: str = "",
    actor: User | None = None,
    statement: str = "",
) -> bool:
    """Take off these lists; `None` is off everything, which only the person can take back."""
    wanted = List.objects.of(contact.workspace_id).filter(subscriptions__contact=contact) if lists is None else lists
    with transaction.atomic():
        changed = _change_lists(
            "unsubscribed", contact, wanted, source=source, actor=actor, statement=statement, mailing_ref=mailing_ref
        )
        if lists is not None:
            return changed
        stopped = suppress(
            contact.workspace_id,
            contact.address_key,
            Reason.UNSUBSCRIBED,
            source=source,
            mailing_ref=mailing_ref,
            actor=actor,
        )
    return changed or stopped


def resubscribe(
    contact: Contact, lists: Iterable[List], *, source: str, mailing_ref: str = "", confirmed: bool = False
) -> bool:
    """The person's own act: back on these lists, and what they unsubscribed from ends. Nobody else may call it.

    `confirmed`: by the link that was mailed to their address, which ends a complaint and what bounces stopped as well.
    """
    with transaction.atomic():
        reasons = (Reason.UNSUBSCRIBED, *TO_CONFIRM) if confirmed else (Reason.UNSUBSCRIBED,)
        lifted = _lift(contact.workspace_id, contact.address_key, reasons, source=source)
        changed = _change_lists("resubscribed", contact, lists, source=source, mailing_ref=mailing_ref)
    return lifted or changed


def preferences(contact: Contact) -> Preferences:
    """What the preferences page shows."""
    public = List.objects.of(contact.workspace_id).filter(public=True).order_by("name")
    on = set(contact.subscriptions.filter(state=Subscription.State.SUBSCRIBED).values_list("list_id", flat=True))
    choices = sorted((Choice(item, item.pk in on) for item in public), key=lambda choice: not choice.subscribed)
    return Preferences(choices, stop_of(contact))


def stop_of(contact: Contact) -> Suppression | None:
    """What stops all mail to their address."""
    return Suppression.objects.of(contact.workspace_id).active().filter(address_key=contact.address_key).first()


def set_preferences(
    contact: Contact, wanted: Iterable[int], *, source: str, mailing_ref: str = "", confirmed: bool = False
) -> bool:
    """The person's choice among the public lists: on those wanted, off the others. What is to be confirmed waits for
    that."""
    chosen = set(wanted)
    now = preferences(contact)
    on = [choice.list for choice in now.choices if choice.list.pk in chosen]
    off = [choice.list for choice in now.choices if choice.subscribed and choice.list.pk not in chosen]
    if now.to_confirm and not confirmed:
        on = []
    with transaction.atomic():
        left = unsubscribe(contact, off, source=source, mailing_ref=mailing_ref)
        came = bool(on) and resubscribe(contact, on, source=source, mailing_ref=mailing_ref, confirmed=confirmed)
    return left or came


def asked(contact: Contact, *, source: str, mailing_ref: str) -> None:
    """They want mail again, and a link to confirm it was mailed to them."""
    ConsentRecord.objects.create(
        contact=contact, action=ConsentRecord.Action.ASKED, source=source, mailing_ref=mailing_ref
    )


def suppress(
    workspace: Workspace | int,
    address_key: str,
    reason: str,
    *,
    source: str,
    detail: dict[str, Any] | None = None,
    note: str = "",
    mailing_ref: str = "",
    actor: User | None = None,
) -> bool:
    """Stop all mail to an address. False where it was stopped already for this or a graver reason."""
    parameters = {
        "workspace": _id(workspace),
        "key": address_key,
        "reason": reason,
        "source": source,
        "detail": json.dumps(detail or {}),
        "why": json.dumps({"reason": reason}),
        "note": note,
        "ref": mailing_ref,
        "actor": actor and actor.pk,
        "gravity": [str(member) for member in GRAVITY],
    }
    return _changed(_STOP, parameters)


def complained_again(workspace: int, address_key: str) -> bool:
    """The stop counts from now: no link that was mailed before ends it."""
    rows = Suppression.objects.of(workspace).active().filter(address_key=address_key, reason=Reason.COMPLAINT)
    return bool(rows.update(created_at=timezone.now()))


def follow(contact: Contact, earlier_key: str, *, actor: User | None = None) -> bool:
    """The person has a new address: a stop that is theirs, and not the old mailbox's, holds there too, with its date.

    Else a member could lift a complaint by writing the address anew. True when something was stopped.
    """
    rows = Suppression.objects.of(contact.workspace_id).active()
    stop = rows.filter(address_key=earlier_key, reason__in=OF_THE_PERSON).first()
    if stop is None or not suppress(
        contact.workspace_id,
        contact.address_key,
        stop.reason,
        source="readdressed",
        detail=stop.detail,
        note=stop.note,
        actor=actor,
    ):
        return False
    return bool(rows.filter(address_key=contact.address_key).update(created_at=stop.created_at))


def release(
    workspace: Workspace | int, address_key: str, *, note: str, actor: User | None = None, source: str = "page"
) -> bool:
    """Mail may go there again, with the proof in `note`. False for what only the person can take back."""
    liftable = [reason for reason in GRAVITY if reason not in ONLY_THE_PERSON]
    return _lift(workspace, address_key, liftable, source=source, note=note, actor=actor)


def _lift(
    workspace: Workspace | int,
    address_key: str,
    reasons: Iterable[str],
    *,
    source: str,
    note: str = "",
    actor: User | None = None,
) -> bool:
    parameters = {
        "workspace": _id(workspace),
        "key": address_key,
        "reasons": [str(reason) for reason in reasons],
        "source": source,
        "note": note,
        "actor": actor and actor.pk,
    }
    return _changed(_LIFT, parameters)


def _change_lists(
    action: str,
    contact: Contact,
    lists: Iterable[List],
    *,
    source: str,
    actor: User | None = None,
    statement: str = "",
    mailing_ref: str = "",
) -> bool:
    parameters: dict[str, Any] = {
        "contact": contact.pk,
        "workspace": contact.workspace_id,
        # In one order, so that two requests for one person never wait for each other in a ring.
        "lists": sorted(item.pk for item in lists),
        "action": action,
        "state": "unsubscribed" if action == "unsubscribed" else "subscribed",
        "source": source,
        "actor": actor and actor.pk,
        "statement": statement,
        "ref": mailing_ref,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LISTS + (_STAY if action == "subscribed" else _MOVE) + _RECORD, parameters)
        return int(cursor.rowcount) > 0


def _changed(sql: str, parameters: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found = cursor.fetchone()
        return bool(found and found[0])


def _id(workspace: Workspace | int) -> int:
    return workspace if isinstance(workspace, int) else workspace.pk
