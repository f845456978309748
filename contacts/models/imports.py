"""Imports: the file, what to do with it, how far it is, and the rows that had a problem."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import Job, WorkspaceOwned


class Import(WorkspaceOwned):
    """One file of people on its way in. `state` changes only in contacts/importing."""

    class State(models.TextChoices):
        UPLOADED = "uploaded"  # the file is here and readable; nothing is decided
        CHECKING = "checking"  # the dry run reads every row; nothing is written to contacts
        CHECKED = "checked"  # the dry run is done; waits for a yes
        IMPORTING = "importing"  # rows are being written
        DONE = "done"  # every row has its category
        STOPPED = "stopped"  # by a member, or by an error that lasted (`problem`); the rows before stay
        FAILED = "failed"  # the file cannot be read; `problem` says where
        UNDOING = "undoing"  # what it wrote is being taken back
        UNDONE = "undone"  # taken back, as far as that was possible

    name = models.TextField()  # the file's name as uploaded, for people; never a path
    size = models.BigIntegerField()
    sha256 = models.TextField()
    encoding = models.TextField()
    separator = models.TextField()
    header = models.BooleanField(default=True)
    columns: models.JSONField[Any, Any] = models.JSONField(default=list)  # names, in the file's order
    samples: models.JSONField[Any, Any] = models.JSONField(default=list)  # the first rows, as lists of cells
    mapping: models.JSONField[Any, Any] = models.JSONField(default=list)  # one target a column, "" = left out
    options: models.JSONField[Any, Any] = models.JSONField(default=dict)  # importing.mapping.Options
    state = models.TextField(choices=State.choices, default=State.UPLOADED)
    problem: models.JSONField[Any, Any] = models.JSONField(default=dict)  # {"code": …, "params": …} of a FileProblem
    offset = models.BigIntegerField(default=0)  # bytes of the file that have been staged
    lines = models.BigIntegerField(default=0)  # lines before `offset`
    rows = models.BigIntegerField(default=0)  # rows staged so far; all of them once checked
    cursor = models.BigIntegerField(default=0)  # the last row checked, applied, or taken back
    estimate: models.JSONField[Any, Any] = models.JSONField(default=dict)  # the dry run's counts by category
    counts: models.JSONField[Any, Any] = models.JSONField(default=dict)  # what really happened, by category
    undone: models.JSONField[Any, Any] = models.JSONField(default=dict)  # what the undo did, by kind
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["workspace", "-id"], name="import_page")]

    def __str__(self) -> str:
        return self.name


class ImportChunk(models.Model):
    """A piece of the file, in the database, so that every worker machine reaches it; gone after 30 days."""

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="+", db_index=False)
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["imported", "number"], name="import_chunk")]

    def __str__(self) -> str:
        return f"{self.imported_id} {self.number}"


class ImportRow(models.Model):
    """A row that was not simply taken: which, why, and as it was written."""

    class Category(models.TextChoices):
        INVALID = "invalid"  # cannot be a person we can mail
        DUPLICATE = "duplicate"  # the same address came earlier in the file
        SUPPRESSED = "suppressed"  # mail to it is stopped; left as it is
        FIELD = "field"  # taken, but one cell did not fit its field and was left out
        FIXED = "fixed"  # taken, after full-width letters or spaces were put right
        KEPT = "kept"  # taken, but the person had left a list and stays away from it

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="problems", db_index=False)
    row = models.IntegerField()
    category = models.TextField(choices=Category.choices)
    reason = models.TextField()  # a code with words in importing.words
    raw = models.TextField()
    detail = models.TextField(blank=True, default="", db_default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["imported", "row"], name="import_row")]

    def __str__(self) -> str:
        return f"{self.row} {self.category}"


class StagedRow(models.Model):
    """A row read from the file, waiting for the set-based write. Gone once the import has ended."""

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="+", db_index=False)
    row = models.IntegerField()
    address = models.TextField()
    address_key = models.TextField(db_collation="C")
    domain = models.TextField()
    first_name = models.TextField(null=True)  # null: the file has no such column, or the cell was empty
    last_name = models.TextField(null=True)
    language = models.TextField(null=True)
    fields: models.JSONField[Any, Any] = models.JSONField(default=dict)  # null in it: the cell was empty
    tags: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list)
    subscribe = models.BooleanField(default=True)  # false where the file's consent column says no

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["imported", "row"], name="staged_row"),
        ]
        indexes: ClassVar = [models.Index(fields=["imported", "address_key", "row"], name="staged_key")]

    def __str__(self) -> str:
        return f"{self.row} {self.address_key}"
