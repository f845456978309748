"""What is done to one person: add, change, erase. Each leaves its history, or (erasing) takes it away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User, Workspace
from contacts import subscriptions
from contacts.addresses import Address
from contacts.models import Contact, ContactChange, List, Suppression


class AlreadyThere(Exception):
    """Another person of the workspace has this address."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(contact.pk)
        self.contact = contact


Hook = Callable[[Contact], None]
_hooks: list[Hook] = []


def on_erased(hook: Hook) -> Hook:
    """Called before a person is erased, in the same transaction: take out what another app knows of them."""
    if hook not in _hooks:
        _hooks.append(hook)
    return hook


@transaction.atomic
def add(
    workspace: Workspace,
    address: Address,
    values: dict[str, Any],
    *,
    lists: Iterable[List] = (),
    statement: str = "",
    actor: User | None = None,
    source: str = "page",
) -> Contact:
    """A new person. `values` by the names the history uses. Raises AlreadyThere."""
    there = Contact(workspace=workspace, address=address.address, address_key=address.key, domain=address.domain)
    there.take(values)
    try:
        with transaction.atomic():
            there.save()
    except IntegrityError:
        raise AlreadyThere(Contact.objects.of(workspace).get(address_key=address.key)) from None
    ContactChange.objects.create(contact=there, actor=actor, source=source, added=True)
    subscriptions.subscribe(there, lists, source=source, actor=actor, statement=statement)
    return there


@transaction.atomic
def change(contact: Contact, values: dict[str, Any], *, actor: User | None = None, source: str = "page") -> bool:
    """Set these values; False when nothing is new. Two who change one person wait for each other."""
    locked = Contact.objects.select_for_update().get(pk=contact.pk)
    before = locked.values()
    new = {name: value for name, value in values.items() if before.get(name) != value}
    if not new:
        return False
    locked.take(new)
    locked.save()
    changes = {name: [before.get(name), value] for name, value in new.items()}
    ContactChange.objects.create(contact=locked, actor=actor, source=source, changes=changes)
    return True


@transaction.atomic
def readdress(contact: Contact, address: Address, *, actor: User | None = None, source: str = "page") -> bool:
    """A new address for the same person. Raises AlreadyThere.

    What stopped the old address stays with it; what the person or the team stopped holds for the new one too.
    """
    if address.address == contact.address:
        return False
    other = Contact.objects.of(contact.workspace_id).filter(address_key=address.key).exclude(pk=contact.pk).first()
    if other:
        raise AlreadyThere(other)
    Contact.objects.filter(pk=contact.pk).update(
        address=address.address, address_key=address.key, domain=address.domain, updated_at=timezone.now()
    )
    changes = {"address": [contact.address, address.address]}
    ContactChange.objects.create(contact=contact, actor=actor, source=source, changes=changes)
    earlier_key = contact.address_key
    contact.refresh_from_db(fields=["address", "address_key", "domain"])
    subscriptions.follow(contact, earlier_key, actor=actor)
    return True


@transaction.atomic
def erase(contact: Contact, *, actor: User | None = None, source: str = "page") -> bool:
    """Forget the person: values, lists, history. Only the stopped address stays, so that nothing mails it again."""
    subscriptions.suppress(
        contact.workspace_id, contact.address_key, Suppression.Reason.ERASED, source=source, actor=actor
    )
    for hook in _hooks:
        hook(contact)
    contact.subscriptions.all().delete()
    contact.consents.all().delete()
    contact.changes.all().delete()
    now = timezone.now()
    return bool(
        Contact.objects.filter(pk=contact.pk, erased_at=None).update(
            address="",
            address_key=f"erased:{contact.pk}",
            domain="",
            first_name="",
            last_name="",
            language="",
            fields={},
            tags=[],
            updated_at=now,
            erased_at=now,
        )
    )
