"""A column for a secret. Write with `seal(row, "password_sealed", text)`, read with `reveal(row, "password_sealed")`.

The attribute itself only ever holds the sealed text, so a secret cannot slip into a log, an export or an error page.
The row's model needs `uuid = models.UUIDField(default=uuid.uuid4, editable=False)`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import models

from accounts.encryption import Sealer, is_sealed, key_id_of

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class SealedField(TextField):
    """Text that is blank or sealed. `manage.py rotate_keys` finds every field of this kind."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        if text and not is_sealed(text):
            raise ValueError(f"{self.model.__name__}.{self.name} takes sealed text only: use accounts.fields.seal")
        return text

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs  # the database sees plain text


@functools.cache
def sealer() -> Sealer:
    return Sealer(settings.ENCRYPTION_KEYS)


def seal(row: Any, field: str, plaintext: str) -> None:
    """Put a secret into the row, which the caller saves. An empty text clears it."""
    sealed = sealer().seal(plaintext, table=row._meta.db_table, field=field, uuid=row.uuid) if plaintext else ""
    setattr(row, field, sealed)


def reveal(row: Any, field: str) -> str:
    """The secret, or "" where there is none. Raises CannotOpen."""
    sealed = getattr(row, field)
    if not sealed:
        return ""
    return sealer().open(sealed, table=row._meta.db_table, field=field, uuid=row.uuid)


def sealed_fields() -> Iterator[tuple[type[models.Model], str]]:
    """Every model and field that holds secrets."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SealedField) and field.model is model:
                yield model, field.name


def reseal(model: type[models.Model], field: str) -> int:
    """Seal with the newest key what lies under an older one. Returns how many rows changed."""
    changed = 0
    for row in model._default_manager.exclude(**{field: ""}).only("pk", "uuid", field).iterator():
        old = getattr(row, field)
        if key_id_of(old) == sealer().newest:
            continue
        seal(row, field, reveal(row, field))
        # Only from the value that was read: whoever saved a new secret meanwhile is right.
        changed += model._default_manager.filter(pk=row.pk, **{field: old}).update(**{field: getattr(row, field)})
    return changed
