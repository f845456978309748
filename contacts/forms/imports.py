"""What people choose on the screens of an import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from contacts.importing.detect import ENCODINGS
from contacts.importing.mapping import Options
from contacts.importing.problems import words_of_file_problem
from contacts.models import Import, List

from .fields import OneLine, TagsField

SEPARATORS = [(",", _("Comma")), (";", _("Semicolon")), ("\t", _("Tab")), ("|", _("Vertical bar"))]
ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 (BOM)",
    "cp932": "Shift_JIS (CP932)",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
}


class PastedField(forms.CharField):
    """Pasted rows: a NUL is named with its line, as in a file."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        before, nul, _after = text.partition("\0")
        if nul:
            raise ValidationError(words_of_file_problem("nul", {"line": before.count("\n") + 1}), code="nul")
        return text


class UploadForm(forms.Form):
    """A file, or pasted rows."""

    file = forms.FileField(label=_("File"), required=False, allow_empty_file=True)
    pasted = PastedField(
        label=_("Or paste rows or addresses here"),
        required=False,
        strip=False,
        max_length=800_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("file") and not cleaned.get("pasted", "").strip():
            raise ValidationError(_("Choose a file, or paste rows."), code="nothing")
        return cleaned


class ReadingForm(forms.Form):
    """How the file is written, where we were wrong."""

    encoding = forms.ChoiceField(label=_("Encoding"), choices=[(code, ENCODING_NAMES[code]) for code in ENCODINGS])
    separator = forms.ChoiceField(label=_("Separator"), choices=SEPARATORS)
    header = forms.TypedChoiceField(
        label=_("First row"),
        coerce=lambda value: value == "True",
        choices=[("True", _("Column names")), ("False", _("A person already"))],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.initial.get("encoding", "utf-16") != "utf-16":  # nobody has to choose it: its octets prove it
            choices = [choice for choice in self.fields["encoding"].choices if choice[0] != "utf-16"]  # type: ignore[attr-defined]
            self.fields["encoding"].choices = choices  # type: ignore[attr-defined]


class OptionsForm(forms.Form):
    """Screen 3: where the people go, and what happens with those who are here."""

    lists = forms.ModelMultipleChoiceField(
        label=_("Put them on these lists"),
        queryset=List.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    new_list = OneLine(label=_("Or on a new list"), max_length=100, required=False)
    tags = TagsField(label=_("Tag them"))
    statement = OneLine(
        label=_("Where the consent comes from"),
        max_length=500,
        required=False,
        help_text=_("It stands in everybody’s record: “Registered at our shop, 2024–2026”."),
    )
    update = forms.TypedChoiceField(
        label=_("People who are here already"),
        coerce=lambda value: value == "yes",
        choices=[("yes", _("Update them with the values of the file")), ("no", _("Leave their values as they are"))],
        widget=forms.RadioSelect,
        initial="yes",
    )
    empty = forms.ChoiceField(
        label=_("Empty cells"),
        choices=[("keep", _("Keep the value that is here")), ("erase", _("Erase the value that is here"))],
        widget=forms.RadioSelect,
        initial="keep",
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields["lists"].queryset = List.objects.of(workspace).order_by("name")  # type: ignore[attr-defined]

    def clean_new_list(self) -> str:
        name: str = self.cleaned_data["new_list"]
        if name and List.objects.of(self.workspace).filter(name=name).exists():
            raise ValidationError(_("A list has this name already: tick it above."), code="taken")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("lists") or cleaned.get("new_list")) and not cleaned.get("statement"):
            self.add_error("statement", _("Say where the consent comes from."))
        return cleaned

    def options(self, lists: Sequence[int]) -> Options:
        data = self.cleaned_data
        return Options(
            lists=list(lists),
            tags=data["tags"],
            statement=data["statement"],
            update=data["update"],
            keep_empty=data["empty"] == "keep",
        )

    @staticmethod
    def stored(imported: Import) -> dict[str, Any]:
        """What was chosen before, as initial values."""
        options = Options.of(imported.options)
        return {
            "lists": options.lists,
            "tags": options.tags,
            "statement": options.statement,
            "update": "yes" if options.update else "no",
            "empty": "keep" if options.keep_empty else "erase",
        }
