"""What the settings of return mailboxes and webhooks accept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from accounts import fields
from accounts.text import one_line
from delivery.forms import host
from delivery.models import Inlet, ReportWebhook, ReturnMailbox

if TYPE_CHECKING:
    MailboxModelForm = forms.ModelForm[ReturnMailbox]
    WebhookModelForm = forms.ModelForm[ReportWebhook]
else:  # the class takes no parameter at run time
    MailboxModelForm = WebhookModelForm = forms.ModelForm

Handled = ReturnMailbox.Handled
PLACE = {"protocol", "host", "port", "username", "folder"}  # with another one, what was looked at says nothing


class MailboxForm(MailboxModelForm):
    """A return mailbox. The password is write-only: an empty one keeps what is stored."""

    password = forms.CharField(
        label=_("Password"), required=False, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = ReturnMailbox
        fields = (
            "name", "protocol", "host", "port", "security", "username", "ca_file", "folder", "handled", "move_to",
            "enabled",
        )  # fmt: skip
        labels = {
            "protocol": _("Protocol"),
            "host": _("Host"),
            "port": _("Port"),
            "security": _("Security"),
            "username": _("User name"),
            "ca_file": _("Certificate authority (PEM file on this server)"),
            "folder": _("Folder"),
            "handled": _("A report that was stored"),
            "move_to": _("Folder to move it to"),
            "enabled": _("Look into it each minute"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "username", "password", "ca_file", "folder", "move_to"):
            self.fields[name].validators.append(one_line)
        self.fields["port"].validators += [MinValueValidator(1), MaxValueValidator(65535)]

    def clean_host(self) -> str:
        return host(self.cleaned_data["host"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("handled") == Handled.MOVE and data.get("protocol") == ReturnMailbox.Protocol.POP3:
            self.add_error("handled", _("POP3 has no folders: leave reports there, or delete them."))
        elif data.get("handled") == Handled.MOVE and not data.get("move_to"):
            self.add_error("move_to", _("Name the folder."))
        if not self.instance.password_sealed and not data.get("password"):
            self.add_error("password", _("The mailbox has a password."))
        return data

    def save(self, commit: bool = True) -> ReturnMailbox:
        mailbox: ReturnMailbox = super().save(commit=False)
        if self.cleaned_data["password"]:
            fields.seal(mailbox, "password_sealed", self.cleaned_data["password"])
        if PLACE & set(self.changed_data):
            mailbox.uid_validity, mailbox.uid_next, mailbox.uidl_seen = 0, 1, []
        mailbox.save()
        return mailbox


class WebhookForm(WebhookModelForm):
    """The address that a sending service reports to. The secret is write-only: an empty one keeps what is stored."""

    secret = forms.CharField(
        label=_("Key or password"),
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = ReportWebhook
        fields = ("name", "provider")
        labels = {"provider": _("Service")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "secret"):
            self.fields[name].validators.append(one_line)
        if self.instance.pk:
            self.fields["provider"].disabled = True  # its address is in that service's settings

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        secret = data.get("secret", "")
        if data.get("provider") == Inlet.SES:
            return data
        if not secret and not self.instance.secret_sealed:
            self.add_error("secret", _("Without it nobody can tell who is calling."))
        elif data.get("provider") == Inlet.POSTMARK and secret and len(secret) < 16:
            self.add_error("secret", _("At least 16 characters."))
        return data

    def save(self, commit: bool = True) -> ReportWebhook:
        hook: ReportWebhook = super().save(commit=False)
        if self.cleaned_data["secret"]:
            fields.seal(hook, "secret_sealed", self.cleaned_data["secret"].strip())
        hook.save()
        return hook
