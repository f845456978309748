"""No control character passes any form: generated over all form classes, so that no new field can skip it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django import forms
from django.core.mail import EmailMessage
from django.utils import translation

import accounts.forms
import campaigns.forms
import contacts.forms
import delivery.forms
from accounts.models import User, Workspace
from campaigns.models import Campaign
from delivery.mail import send
from delivery.models import FromAddress, Mailing, Route, SendingDomain

MODULES = (accounts.forms, contacts.forms, delivery.forms, campaigns.forms)
CONTROLS = ["a\r\nBcc: x@mail.example", "a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\x1bb"]
# Written over several lines, or never shown, stored or sent anywhere but to a hash.
SEVERAL_LINES = {
    ("WorkspaceForm", "postal_address"), ("FirstWorkspaceForm", "postal_address"), ("ListForm", "description"),
    ("FieldForm", "choices"), ("UploadForm", "pasted"), ("ApiKeyForm", "networks"), ("TestForm", "to"),
    ("ContentForm", "html"), ("ContentForm", "letter"), ("ContentForm", "text"),
}  # fmt: skip
SECRETS = {"PasswordField"}


def classes(module: ModuleType) -> Iterator[type[forms.BaseForm]]:
    """Those of a module, or of all modules of a package."""
    modules = [value for name, value in sys.modules.items() if f"{name}.".startswith(f"{module.__name__}.")]
    for one in modules:
        for _name, found in inspect.getmembers(one, inspect.isclass):
            if issubclass(found, forms.BaseForm) and found.__module__ == one.__name__:
                yield found


def made(form: type[forms.BaseForm], data: dict[str, str]) -> forms.BaseForm:
    """Whatever the class asks for."""
    workspace = Workspace(pk=1, name="A")
    wanted = set(inspect.signature(form.__init__).parameters) | {
        name
        for base in form.__mro__
        if "__init__" in vars(base)
        for name in inspect.signature(base.__init__).parameters
    }
    own: dict[str, Any] = {
        "workspace": workspace, "user": User(name="A"), "domain": SendingDomain(name="minori.example", pk=1),
        "route": Route(kind=Route.Kind.DIRECT),
    }  # fmt: skip
    given = {name: value for name, value in own.items() if name in wanted}
    if form is accounts.forms.JoinForm:
        given["email"] = "ken@mail.example"
    if issubclass(form, forms.BaseModelForm):
        model = form._meta.model  # type: ignore[attr-defined]
        instance = (
            model(workspace=workspace) if model in (Campaign, FromAddress) or hasattr(model, "workspace") else model()
        )
        given["instance"] = instance
    return form(data, **given)


FIELDS = [
    pytest.param(form, name, id=f"{form.__name__}.{name}")
    for module in MODULES
    for form in classes(module)
    for name, field in form.base_fields.items()
    if isinstance(field, forms.CharField)
    and (form.__name__, name) not in SEVERAL_LINES
    and type(field).__name__ not in SECRETS
    and (form.__name__, name) != ("PasswordChangeForm", "old")
]


@pytest.mark.django_db
@pytest.mark.parametrize(("form", "name"), FIELDS)
def test_no_field_takes_a_control_character(form: type[forms.BaseForm], name: str) -> None:
    for bad in CONTROLS:
        for value in (bad, f"{bad}@mail.example", f"x@mail.example{bad}"):
            for language in ("en", "ja"):
                with translation.override(language):
                    errors = made(form, {name: value}).errors.get(name)
            assert errors, f"{form.__name__}.{name} takes {value!r}"


@pytest.mark.parametrize(("form", "name"), sorted(SEVERAL_LINES))
@pytest.mark.django_db
def test_texts_of_several_lines_take_no_other_control_character(form: str, name: str) -> None:
    found = next(one for module in MODULES for one in classes(module) if one.__name__ == form)
    # The body of a letter is encoded whatever is in it; pasted rows are judged as a file.
    for bad in ("a\0b",) if form in ("ContentForm", "UploadForm") else ("a\0b", "a\x1bb"):
        assert made(found, {name: bad}).errors.get(name), f"{form}.{name} takes {bad!r}"


@pytest.mark.django_db
def test_what_looks_odd_and_is_harmless_stays() -> None:
    """Emoji joined from several, spaces that do not break, full-width spaces."""
    for fine in ("Tea for \U0001f469\u200d\U0001f4bb", "Prix\u00a0: 3\u202f€", "秋の\u3000お茶"):
        assert "subject" not in made(campaigns.forms.ContentForm, {"subject": fine}).errors
        assert "name" not in made(delivery.forms.FromAddressForm, {"name": fine}).errors


@pytest.mark.parametrize("part", ["html", "letter", "text"])
@pytest.mark.django_db
def test_a_letter_of_megabytes_is_refused_by_its_field(part: str) -> None:
    assert made(campaigns.forms.ContentForm, {part: "a" * 2_000_001}).errors.get(part)


@pytest.mark.django_db
@pytest.mark.parametrize("email", ['"<script>"@mail.example', '"a\x0bb"@mail.example', "a@[127.0.0.1]", "a@localhost"])
def test_nobody_is_invited_whom_no_mail_reaches(email: str) -> None:
    assert made(accounts.forms.InviteForm, {"email": email}).errors.get("email")
    message = EmailMessage("Hello", "Hello", to=[email])
    Workspace.objects.create(name="A", legal_name="A", postal_address="B")
    assert send(message) is False and not Mailing.objects.exists()
