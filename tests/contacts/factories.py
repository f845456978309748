"""Objects of contacts for generated tests."""

from __future__ import annotations

import itertools

from accounts.models import Workspace
from contacts import bulk, custom_fields, importing, lists, subscriptions
from contacts.models import Bulk, Contact, Field, Import, List, Suppression
from tests.factories import factory

_counter = itertools.count(1)


@factory("contact")
def contact(workspace: Workspace) -> Contact:
    key = f"person{next(_counter)}@mail.example"
    return Contact.objects.create(workspace=workspace, address=key, address_key=key, domain="mail.example")


@factory("contacts:*list*.pk")
def one_list(workspace: Workspace) -> List:
    return lists.create(workspace, f"News {next(_counter)}")


@factory("field")
def field(workspace: Workspace) -> Field:
    return custom_fields.create(workspace, f"Rank {next(_counter)}", "text")


@factory("suppression")
def suppression(workspace: Workspace) -> Suppression:
    key = f"gone{next(_counter)}@mail.example"
    subscriptions.suppress(workspace, key, Suppression.Reason.NO_SUCH_USER, source="reply")
    return Suppression.objects.get(workspace=workspace, address_key=key)


@factory("contacts:import*.pk")
def imported(workspace: Workspace) -> Import:
    return importing.receive(workspace, "people.csv", [b"email,name\nken@mail.example,Ken\n"], None)


@factory("bulk")
def bulk_change(workspace: Workspace) -> Bulk:
    who = {"ids": [contact(workspace).pk]}
    return bulk.start(workspace, "tag", {"tag": "VIP"}, who, by=None, expected=1)
