"""A first campaign for a workspace with sample people: it only needs to be sent."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from accounts.setup import NewWorkspace
from campaigns import editing, starters
from contacts.models import List


def furnish(new: NewWorkspace) -> None:
    sample = List.objects.of(new.workspace).filter(sample=True).first()
    if sample is None:
        return
    language = new.workspace.language
    starter = starters.all_of(language)[0]
    with translation.override(language):
        draft = editing.create(new.workspace, new.by, name=_("Hello from the sandbox"))
    editing.save(draft, draft.version, {**starter.values(draft), "include_lists": [sample.pk]}, new.by)
