"""Tags as the API takes them: each whole, since the pages write them with commas between."""

from __future__ import annotations

from typing import Annotated

from django.utils.translation import gettext as _
from pydantic import AfterValidator, Field

from accounts.api import Line
from contacts.values import TAG_SEPARATORS


def _whole(tag: str) -> str:
    if any(mark in tag for mark in TAG_SEPARATORS):
        raise ValueError(_("A tag has no comma in it. Send each tag by itself."))
    return tag


Tags = Annotated[list[Annotated[Line, AfterValidator(_whole)]], Field(max_length=500)]
