"""Fields that several forms of contacts have."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.text import one_line
from contacts import values
from contacts.addresses import Address, parse
from contacts.values import ValueProblem

VALUE_WORDS = {
    "control": _("A line break or another control character cannot stay."),
    "long": _("This is too long."),
    "number": _("This is not a number."),
    "date": _("Write the date like 2026-11-24."),
    "boolean": _("Answer yes or no."),
    "choice": _("Choose one of the values."),
}


class OneLine(forms.CharField):
    """A name or the like: it may end up in a header, so no control character passes."""

    default_validators = [one_line]

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", values.MAX_NAME)
        super().__init__(**kwargs)


class AddressField(forms.CharField):
    """An address, kept as typed; the cleaned value is an `Address`."""

    def __init__(self, **kwargs: Any) -> None:
        # `inputmode` instead of type=email: browsers refuse addresses that carriers deliver (a..b@docomo.ne.jp).
        attrs = {"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}
        kwargs.setdefault("label", _("Email"))
        super().__init__(strip=False, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        found = parse(super().clean(value))
        if not isinstance(found, Address):
            raise ValidationError(found.words, code=found.value)
        return found


class TagsField(forms.CharField):
    """Tags with commas between them; the cleaned value is a list."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Tags"))
        super().__init__(validators=[one_line], required=False, help_text=_("Separate them with commas."), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        found = super().clean(value) or ""
        try:
            return values.tags_of(re.split(f"[{values.TAG_SEPARATORS}]", found))
        except ValueProblem:  # `one_line` has seen the rest
            message = _("A tag has at most %(limit)s characters.") % {"limit": values.MAX_TAG}
            raise ValidationError(message, code="long") from None


class TagField(OneLine):
    """One tag."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=values.MAX_TAG, **kwargs)
