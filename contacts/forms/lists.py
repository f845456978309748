"""What people type about lists and custom fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.text import several_lines
from contacts import values
from contacts.models import Field, List
from contacts.models.field import KINDS
from contacts.values import ValueProblem

from .fields import VALUE_WORDS, OneLine


class ListForm(forms.ModelForm):  # type: ignore[type-arg]
    """A list, as your team and as readers see it."""

    name = OneLine(label=_("Name"), max_length=100)
    public_name = OneLine(
        label=_("Name for readers"), max_length=100, required=False, help_text=_("Empty: the same as the name.")
    )
    description = forms.CharField(
        label=_("Description for readers"),
        required=False,
        max_length=500,
        validators=[several_lines],
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    public = forms.BooleanField(
        label=_("Readers may choose it"), required=False, help_text=_("It stands on the preferences page.")
    )

    class Meta:
        model = List
        fields = ["name", "public_name", "description", "public"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if List.objects.of(self.instance.workspace).filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("Another list has this name."), code="taken")
        return name


class FieldForm(forms.ModelForm):  # type: ignore[type-arg]
    """A custom field. Its kind stays once it is made, since values are stored by it."""

    label = OneLine(label=_("Name"), max_length=100)
    kind = forms.ChoiceField(label=_("Kind"), choices=list(KINDS.items()))
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line; only for the kind “Choice”."),
    )

    class Meta:
        model = Field
        fields = ["label", "kind"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["kind"].disabled = True
            self.initial["choices"] = "\n".join(self.instance.choices)

    def clean_choices(self) -> list[str]:
        try:
            lines = [values.clean(line, values.MAX_NAME) for line in self.cleaned_data["choices"].splitlines()]
        except ValueProblem as problem:
            raise ValidationError(VALUE_WORDS[problem.code], code=problem.code) from problem
        return list(dict.fromkeys(line for line in lines if line))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") == Field.Kind.CHOICE and not cleaned.get("choices") and "choices" not in self.errors:
            self.add_error("choices", _("Write at least one choice."))
        return cleaned
