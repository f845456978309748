"""Custom fields: what else a workspace knows about its people."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from accounts.models import WorkspaceOwned


class Field(WorkspaceOwned):
    """One typed custom field. Values live in `Contact.fields` under `key`, in JSON's own types."""

    class Kind(models.TextChoices):
        TEXT = "text"  # any text
        NUMBER = "number"  # a JSON number
        DATE = "date"  # "YYYY-MM-DD"
        BOOLEAN = "boolean"  # true or false
        CHOICE = "choice"  # one of `choices`

    key = models.TextField()  # the name in templates: contact.<key>
    label = models.TextField()
    kind = models.TextField(choices=Kind.choices, default=Kind.TEXT)
    choices: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["workspace", "key"], name="field_key")]

    def __str__(self) -> str:
        return self.label

    @property
    def kind_words(self) -> str | Promise:
        return KINDS[self.Kind(self.kind)]


KINDS: dict[Field.Kind, Promise] = {
    Field.Kind.TEXT: pgettext_lazy("field", "Text"),
    Field.Kind.NUMBER: pgettext_lazy("field", "Number"),
    Field.Kind.DATE: pgettext_lazy("field", "Date"),
    Field.Kind.BOOLEAN: pgettext_lazy("field", "Yes or no"),
    Field.Kind.CHOICE: pgettext_lazy("field", "Choice"),
}
