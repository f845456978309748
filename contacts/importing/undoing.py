"""Take an import back, as far as that is right.

People it added go, unless something has happened to them since (mail, a change, an act of their own): those stay.
Values it changed return to what they were where nobody has changed them since. Lists it put people on lose them
again where they are still on because of it. What else an import made (fields, tags in use elsewhere) stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.db.models import Q

from contacts.models import Contact, ContactChange, Import

SLICE = 2000
REASONABLE_DAYS = 30

# Off the lists: only where the subscription is still the one this import made.
_LEAVE = """
WITH ours AS (
  DELETE FROM contacts_subscription m USING contacts_consentrecord r
   WHERE r.imported_id = %(import)s AND r.contact_id = ANY(%(contacts)s) AND r.action = 'subscribed'
     AND m.list_id = r.list_id AND m.contact_id = r.contact_id
     AND m.state = 'subscribed' AND m.source = 'import' AND m.changed_at = r.at
  RETURNING m.list_id, m.contact_id)
INSERT INTO contacts_consentrecord (contact_id, list_id, action, actor_id, source)
SELECT contact_id, list_id, 'unsubscribed', %(actor)s, 'undo' FROM ours
"""


def step(imported: Import, actor_id: int | None) -> bool:
    """Take back one slice; False at the end. The caller's transaction holds the cursor and the work."""
    changes = list(
        ContactChange.objects.filter(imported=imported, pk__gt=imported.cursor, source="import")
        .select_related("contact")
        .order_by("pk")[:SLICE]
    )
    consented = [] if changes else _consented_only(imported)
    if not changes and not consented:
        return False
    counts = Counter(imported.undone)
    if changes:
        counts.update(_take_back(imported, changes, actor_id))
        imported.cursor = changes[-1].pk
    counts["left_lists"] += _leave(imported, consented or [change.contact_id for change in changes], actor_id)
    imported.undone = dict(counts)
    imported.save(update_fields=["cursor", "undone"])
    return True


def restore(values: Mapping[str, Any], changes: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The old values of those names that still have the value which the change gave them. Pure."""
    return {name: old for name, (old, new) in changes.items() if values.get(name) == new}


def _take_back(imported: Import, changes: list[ContactChange], actor_id: int | None) -> dict[str, int]:
    added = [change.contact_id for change in changes if change.added]
    updated = [change for change in changes if not change.added]
    removed = _remove_untouched(imported, added)
    restored = _restore(updated, actor_id)
    return {
        "removed": removed,
        "stayed": len(added) - removed,
        "restored": restored,
        "kept_values": len(updated) - restored,
    }


def _remove_untouched(imported: Import, contact_ids: list[int]) -> int:
    """Delete those to whom nothing but this import has happened."""
    found = Contact.objects.filter(pk__in=contact_ids, erased_at=None)
    found = found.exclude(changes__in=ContactChange.objects.filter(contact__in=contact_ids).exclude(imported=imported))
    elsewhere = Q(consents__isnull=False) & (Q(consents__imported=None) | ~Q(consents__imported=imported))
    found = found.exclude(pk__in=Contact.objects.filter(elsewhere, pk__in=contact_ids).values("pk"))
    for relation in _ties():
        found = found.exclude(pk__in=relation.filter(contact__in=contact_ids).values("contact"))
    return found.delete()[1].get("contacts.Contact", 0)


def _ties() -> Iterable[Any]:
    """The tables of other apps that name a contact: mail they were sent, and the like."""
    return [
        relation.related_model._default_manager.all()
        for relation in Contact._meta.related_objects
        if relation.related_model._meta.app_label != "contacts" and relation.field.name == "contact"
    ]


def _restore(changes: list[ContactChange], actor_id: int | None) -> int:
    contacts, history = [], []
    for change in changes:
        contact = change.contact
        before = contact.values()
        back = restore(before, change.changes)
        if not back:
            continue
        contact.take(back)
        contacts.append(contact)
        taken = {name: [before.get(name), old] for name, old in back.items()}
        history.append(ContactChange(contact=contact, actor_id=actor_id, source="undo", changes=taken))
    Contact.objects.bulk_update(contacts, ["first_name", "last_name", "language", "tags", "fields", "updated_at"])
    ContactChange.objects.bulk_create(history)
    return len(contacts)


def _leave(imported: Import, contact_ids: list[int], actor_id: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LEAVE, {"import": imported.pk, "contacts": contact_ids, "actor": actor_id})
        return int(cursor.rowcount)


def _consented_only(imported: Import) -> list[int]:
    """People whose values did not change, but whom the import put on a list and who are on it still."""
    sql = """SELECT DISTINCT r.contact_id FROM contacts_consentrecord r JOIN contacts_subscription m
               ON m.list_id = r.list_id AND m.contact_id = r.contact_id AND m.state = 'subscribed'
              AND m.source = 'import' AND m.changed_at = r.at
            WHERE r.imported_id = %s AND r.action = 'subscribed' LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [imported.pk, SLICE])
        return [row[0] for row in cursor.fetchall()]
