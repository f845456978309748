"""What people type on the pages of contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Language, Workspace
from accounts.text import one_line, several_lines
from contacts import values
from contacts.addresses import Address, parse
from contacts.importing.detect import ENCODINGS
from contacts.importing.mapping import Options
from contacts.importing.problems import words_of_file_problem
from contacts.models import Field, Import, List, Suppression
from contacts.models.field import KINDS
from contacts.subscriptions import ONLY_THE_PERSON
from contacts.values import ValueProblem

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
SEPARATORS = [(",", _("Comma")), (";", _("Semicolon")), ("\t", _("Tab")), ("|", _("Vertical bar"))]
ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 (BOM)",
    "cp932": "Shift_JIS (CP932)",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
}
_VALUE_WORDS = {
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
            return values.tags_of(found.replace("、", ",").split(","))
        except ValueProblem:  # `one_line` has seen the rest
            message = _("A tag has at most %(limit)s characters.") % {"limit": values.MAX_TAG}
            raise ValidationError(message, code="long") from None


class TagField(OneLine):
    """One tag."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=values.MAX_TAG, **kwargs)


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
            self.fields[f"field_{field.key}"] = _form_field(field)

    def clean(self) -> dict[str, Any]:
        for field in self.custom:
            text = self.cleaned_data.get(f"field_{field.key}", "")
            try:
                self.cleaned_data[f"field_{field.key}"] = values.read(field.kind, text, field.choices) if text else None
            except ValueProblem as problem:
                self.add_error(f"field_{field.key}", ValidationError(_VALUE_WORDS[problem.code], code=problem.code))
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
            raise ValidationError(_VALUE_WORDS[problem.code], code=problem.code) from problem
        return list(dict.fromkeys(line for line in lines if line))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") == Field.Kind.CHOICE and not cleaned.get("choices") and "choices" not in self.errors:
            self.add_error("choices", _("Write at least one choice."))
        return cleaned


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
