"""What people type on the pages of accounts."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, RegexValidator
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from accounts import zones
from accounts.api_keys import Scope
from accounts.models import Language, Role, User, Workspace
from accounts.text import one_line, several_lines


class OneLine(forms.CharField):
    """A name or the like: it may end up in a header, so no control character passes."""

    default_validators = [one_line]


class EmailField(forms.EmailField):
    """The address of somebody who signs in: neither quoted nor with a number for a domain, so that mail arrives."""

    default_validators = [
        one_line,
        RegexValidator(r'["\[\]]', EmailValidator.message, "invalid", inverse_match=True),
        EmailValidator(allowlist=[]),  # no "localhost"
    ]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)  # as the models hold


class TimeZoneField(forms.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=zones.choices, label=_("Time zone"), **kwargs)


class PasswordField(forms.CharField):
    """A new password. Pasting and password managers are welcome, so it is asked once and can be shown."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("Password"))
        super().__init__(
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            help_text=lazy(lambda: " ".join(password_validators_help_texts()[1:2]), str)(),
            **kwargs,
        )


class NewPerson(forms.Form):
    """Someone who gets an account. Subclasses say who, for the password's likeness to it."""

    name = OneLine(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = PasswordField()

    def person(self) -> User:
        return User(name=self.cleaned_data.get("name", ""))

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.person())
        return password


class OwnerForm(NewPerson):
    """Set-up, step 1."""

    email = EmailField(label=_("Email"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    field_order = ["name", "email", "password"]

    def person(self) -> User:
        return User(name=self.cleaned_data.get("name", ""), email=self.cleaned_data.get("email", ""))


class JoinForm(NewPerson):
    """An invited person without an account."""

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def person(self) -> User:
        return User(name=self.cleaned_data.get("name", ""), email=self.email)


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who sends. The legal name and the postal address stand at the foot of every mail."""

    name = OneLine(label=_("Organisation or brand"), max_length=100)
    legal_name = OneLine(
        label=_("Legal name of the sender"),
        max_length=200,
        help_text=_("The company or person responsible, as the law asks."),
    )
    postal_address = forms.CharField(
        label=_("Postal address"),
        max_length=500,
        validators=[several_lines],
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
        help_text=_("Write it so that a letter would arrive."),
    )
    language = forms.ChoiceField(
        label=_("Language of your readers"),
        choices=Language.choices,
        help_text=_("For what readers see: the foot of mails and the unsubscribe page."),
    )
    time_zone = TimeZoneField()

    class Meta:
        model = Workspace
        fields = ["name", "legal_name", "postal_address", "language", "time_zone"]


class FirstWorkspaceForm(WorkspaceForm):
    """Set-up, step 2; also a further workspace."""

    sample_data = forms.BooleanField(
        label=_("Load 500 sample people"),
        required=False,
        initial=True,
        help_text=_("For the sandbox only: nothing leaves this server."),
    )


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    name = OneLine(label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    time_zone = TimeZoneField()

    class Meta:
        model = User
        fields = ["name", "language", "theme", "time_zone"]
        labels = {"language": _("Language of the pages"), "theme": _("Light or dark")}


class PasswordChangeForm(forms.Form):
    old = forms.CharField(
        label=_("Current password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = PasswordField(label=_("New password"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_old(self) -> str:
        old: str = self.cleaned_data["old"]
        if not self.user.check_password(old):
            raise ValidationError(_("This is not your current password."), code="wrong")
        return old

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        validate_password(new, self.user)
        return new


class InviteForm(forms.Form):
    email = EmailField(label=_("Email"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.AUTHOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class ApiKeyForm(forms.Form):
    """A key may be given only what its maker may do: routes take an administrator of the install."""

    name = OneLine(label=_("Name"), max_length=100, help_text=_("Which program uses it."))
    scopes = forms.MultipleChoiceField(
        label=_("May do"),
        choices=[choice for choice in Scope.choices if choice[0] != Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Every key may read."),
    )
    days = forms.TypedChoiceField(
        label=_("Works for"),
        coerce=int,
        initial=365,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("1 year")), (0, _("No end"))],
    )
    networks = forms.CharField(
        label=_("Only from these networks"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "203.0.113.0/24"}),
        help_text=_("One address or network a line; empty means from everywhere."),
    )

    def __init__(self, *args: Any, install_admin: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not install_admin:
            choices = self.fields["scopes"].choices  # type: ignore[attr-defined]
            self.fields["scopes"].choices = [one for one in choices if one[0] != Scope.ROUTES]  # type: ignore[attr-defined]

    def clean_networks(self) -> list[str]:
        entries = self.cleaned_data["networks"].replace(",", " ").split()
        return [_network(entry) for entry in entries]

    def expires_at(self) -> dt.datetime | None:
        days: int = self.cleaned_data["days"]
        return timezone.now() + dt.timedelta(days=days) if days else None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise ValidationError(
            _("“%(text)s” is no address or network, such as 203.0.113.0/24."), code="network", params={"text": text}
        ) from error
