"""Lists, who is on them, and the record of consent."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models import WorkspaceOwned

from .contact import Contact


class List(WorkspaceOwned):
    """One kind of letter a person can take or leave."""

    name = models.TextField()
    public_name = models.TextField(blank=True, default="")  # what readers see; "" means `name`
    description = models.TextField(blank=True, default="")
    public = models.BooleanField(default=True)  # offered on the preferences page
    list_id_label = models.TextField()  # the part before the domain in the List-Id header (RFC 2919)
    sample = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "name"], name="list_name"),
            models.UniqueConstraint(fields=["workspace", "list_id_label"], name="list_label"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """The name readers see."""
        return self.public_name or self.name


class Subscription(models.Model):
    """Whether one person takes one list. The row stays after they leave, so that nothing brings them back."""

    class State(models.TextChoices):
        SUBSCRIBED = "subscribed"  # takes this list
        UNSUBSCRIBED = "unsubscribed"  # left it; only the person comes back

    list = models.ForeignKey(List, on_delete=models.CASCADE, related_name="subscriptions", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="subscriptions")
    state = models.TextField(choices=State.choices, default=State.SUBSCRIBED, db_default="subscribed")
    changed_at = models.DateTimeField(db_default=Now())
    source = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            # In this order: expansion walks one list by contact.
            models.UniqueConstraint(fields=["list", "contact"], name="subscription_list_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.state} {self.list_id}"


class ConsentRecord(models.Model):
    """What a person, or somebody for them, agreed to or took back: append-only, kept as proof."""

    class Action(models.TextChoices):
        SUBSCRIBED = "subscribed"  # put on a list
        UNSUBSCRIBED = "unsubscribed"  # taken off a list
        STOPPED = "stopped"  # all mail stopped
        RELEASED = "released"  # a stop was lifted
        ASKED = "asked"  # somebody with a link of theirs wants mail again: they were mailed a link to confirm it
        RESUBSCRIBED = "resubscribed"  # the person came back by their own act

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    list = models.ForeignKey(List, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    action = models.TextField(choices=Action.choices)
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # "link", "one-click", "preferences", "confirmation", "import", "page", "api", "sample", …
    source = models.TextField()
    statement = models.TextField(blank=True, default="", db_default="")  # the consent in words, or why
    mailing_ref = models.TextField(blank=True, default="", db_default="")  # the mailing whose link was used
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    imported = models.ForeignKey(
        "contacts.Import", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["imported", "id"], name="consent_import", condition=~models.Q(imported=None)),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.action}"
