"""What a letter may say of a person: for the Variable menu and the editor's completion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from contacts.models import Field

if TYPE_CHECKING:
    from accounts.models import Workspace


def of(workspace: Workspace, language: str) -> list[tuple[str, str]]:
    """(code to insert, words), with a fallback where a name may be missing."""
    fallback = "お客さま" if language == "ja" else "there"
    name = (
        '{{ contact.last_name|sama("お客さま") }}'
        if language == "ja"
        else f'{{{{ contact.first_name or "{fallback}" }}}}'
    )
    own = [
        (f"{{{{ contact.{field.key} }}}}", field.label or field.key)
        for field in Field.objects.of(workspace).order_by("pk")
    ]
    return [
        (name, _("Name, with a fallback")),
        ("{{ contact.first_name }}", _("First name")),
        ("{{ contact.last_name }}", _("Last name")),
        ("{{ contact.address }}", _("Email address")),
        *own,
        ("{{ unsubscribe_url }}", _("Unsubscribe link")),
        ("{{ preferences_url }}", _("Preferences link")),
        ("{{ workspace.legal_name }}", _("Sender's legal name")),
        ("{{ workspace.postal_address }}", _("Postal address")),
    ]


def completions(variables: list[tuple[str, str]]) -> str:
    """For the editor: [[name, words], …] as JSON."""
    return json.dumps([[code.strip("{} "), words] for code, words in variables])
