"""What people type about one person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Language, Workspace
from contacts import values
from contacts.models import Field, List, Suppression
from contacts.subscriptions import ONLY_THE_PERSON
from contacts.values import ValueProblem

from .fields import VALUE_WORDS, AddressField, OneLine, TagsField

STATES = [
    ("", _("Anybody")),
    ("mailable", _("Can be mailed")),
    ("stopped", _("Cannot be mailed")),
    ("unsubscribed", _("Unsubscribed from everything")),
    ("complaint", _("Reported as spam")),
    ("undeliverable", _("Mail does not arrive")),
    ("manual", _("Stopped by your team")),
    ("no_list", _("On no list")),
    ("left", _("Left the chosen list, or any")),
]
LANGUAGES = [("", _("Not known")), *Language.choices]


class PersonForm(forms.Form):
    """One person's values; the workspace's own fields are added as `field_<key>`."""

    address = AddressField()
    first_name = OneLine(label=_("First name"), required=False)
    last_name = OneLine(label=_("Last name"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False, choices=LANGUAGES)
    tags = TagsField()

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = self.initial.get("language", "")
        if language not in dict(LANGUAGES):  # an import takes any; it stays until somebody chooses another
            self.fields["language"].choices = [*LANGUAGES, (language, language)]  # type: ignore[attr-defined]
        self.custom = list(Field.objects.of(workspace).order_by("pk"))
        for field in self.custom:
            kept = self.initial.get(f"field_{field.key}")
            if field.kind == Field.Kind.CHOICE and kept and kept not in field.choices:
                field.choices = [*field.choices, kept]  # taken away since: whoever has it keeps it
            self.fields[f"field_{field.key}"] = _form_field(field)

    def clean(self) -> dict[str, Any]:
        for field in self.custom:
            text = self.cleaned_data.get(f"field_{field.key}", "")
            try:
                self.cleaned_data[f"field_{field.key}"] = values.read(field.kind, text, field.choices) if text else None
            except ValueProblem as problem:
                self.add_error(f"field_{field.key}", ValidationError(VALUE_WORDS[problem.code], code=problem.code))
        return self.cleaned_data

    def values(self) -> dict[str, Any]:
        """By the names the history uses, without the address."""
        plain = {name: self.cleaned_data[name] for name in ("first_name", "last_name", "language", "tags")}
        return plain | {f"fields.{field.key}": self.cleaned_data[f"field_{field.key}"] for field in self.custom}


def _form_field(field: Field) -> forms.Field:
    if field.kind == Field.Kind.CHOICE:
        choices = [("", "–"), *((choice, choice) for choice in field.choices)]
        return forms.ChoiceField(label=field.label, required=False, choices=choices)
    if field.kind == Field.Kind.BOOLEAN:
        yes_no = [("", "–"), ("yes", _("Yes")), ("no", _("No"))]
        return forms.ChoiceField(label=field.label, required=False, choices=yes_no)
    kinds = {Field.Kind.DATE: {"type": "date"}, Field.Kind.NUMBER: {"inputmode": "decimal"}}
    widget = forms.TextInput(attrs=kinds.get(Field.Kind(field.kind), {}))
    return forms.CharField(label=field.label, required=False, max_length=values.MAX_TEXT, widget=widget)


class NewPersonForm(PersonForm):
    """A person to add, with the lists they agreed to."""

    lists = forms.ModelMultipleChoiceField(
        label=_("Lists"), queryset=List.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    statement = OneLine(
        label=_("Where the consent comes from"),
        required=False,
        max_length=500,
        help_text=_("It stands in the person’s record: “Asked for it at the shop, 12 November”."),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, workspace=workspace, **kwargs)
        self.fields["lists"].queryset = List.objects.of(workspace).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("lists") and not cleaned.get("statement"):
            self.add_error("statement", _("Say where the consent comes from."))
        return cleaned


class NoteForm(forms.Form):
    """A reason, or a proof, in a sentence."""

    note = OneLine(label=_("Reason"), max_length=500)


class StopForm(forms.Form):
    note = OneLine(label=_("Reason"), max_length=500, required=False, help_text=_("For your team’s record."))


class SuppressionForm(forms.Form):
    """An address that must not be mailed."""

    address = AddressField()
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[
            (Suppression.Reason.MANUAL, _("Stopped by your team")),
            (Suppression.Reason.UNSUBSCRIBED, _("The person left everything")),
            (Suppression.Reason.COMPLAINT, _("Reported as spam")),
            (Suppression.Reason.NO_SUCH_USER, _("The address does not exist")),
        ],
    )
    note = OneLine(label=_("Note"), max_length=500, required=False, help_text=_("How you know: a letter, a call."))

    def final(self) -> bool:
        """Whether nobody of the workspace could lift it again."""
        return self.cleaned_data["reason"] in ONLY_THE_PERSON
