"""What the sending settings accept."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import fields
from accounts.models import Workspace
from accounts.text import one_line
from contacts.addresses import Address, parse
from delivery import providers, warmup
from delivery.models import Brakes, FromAddress, Limit, Route, SendingDomain, Site, WarmUp

if TYPE_CHECKING:
    RouteModelForm = forms.ModelForm[Route]
    LimitModelForm = forms.ModelForm[Limit]
    BrakesModelForm = forms.ModelForm[Brakes]
    FromAddressModelForm = forms.ModelForm[FromAddress]
else:  # the class takes no parameter at run time
    RouteModelForm = BrakesModelForm = LimitModelForm = FromAddressModelForm = forms.ModelForm

HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

MOST_A_DAY = 100_000_000
ALL = "all"


def host(value: str) -> str:
    """A host name or address literal, lower case."""
    name = value.strip().lower().rstrip(".")
    if not HOST.fullmatch(name):
        raise forms.ValidationError(_("This is not a host name. Example: smtp.example.com"))
    return name


class RouteForm(RouteModelForm):
    """A route. The password is write-only: an empty one keeps what is stored."""

    password = forms.CharField(
        label=_("Password"), required=False, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
    workspaces = forms.ModelMultipleChoiceField(
        Workspace.objects.order_by("name"),
        required=False,
        label=_("Workspaces that may use it"),
        widget=forms.CheckboxSelectMultiple,
    )
    kind = forms.ChoiceField(choices=[(k, k.label) for k in (Route.Kind.SMARTHOST, Route.Kind.DIRECT)], label=_("Kind"))

    class Meta:
        model = Route
        fields = (
            "name",
            "kind",
            "host",
            "port",
            "security",
            "username",
            "ca_file",
            "ehlo_name",
            "source_address",
            "workspaces",
        )
        labels = {
            "host": _("Host"),
            "port": _("Port"),
            "security": _("Security"),
            "username": _("User name"),
            "ca_file": _("Certificate authority (PEM file on this server)"),
            "ehlo_name": _("Name in EHLO"),
            "source_address": _("Source address"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "username", "password", "ca_file"):
            self.fields[name].validators.append(one_line)
        self.fields["port"].validators += [MinValueValidator(1), MaxValueValidator(65535)]

    def clean_host(self) -> str:
        return host(self.cleaned_data["host"]) if self.cleaned_data["host"] else ""

    def clean_ehlo_name(self) -> str:
        return host(self.cleaned_data["ehlo_name"]) if self.cleaned_data["ehlo_name"] else ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Route.Kind.SMARTHOST and not data.get("host") and "host" not in self.errors:
            self.add_error("host", _("A smarthost has a host name."))
        if data.get("kind") == Route.Kind.SMARTHOST and data.get("password") and not data.get("username"):
            self.add_error("username", _("A password needs its user name."))
        if data.get("username") and data.get("security") == Route.Security.NONE:
            self.add_error("security", _("A password is never sent in clear. Choose STARTTLS or implicit TLS."))
        return data

    def save(self, commit: bool = True) -> Route:
        route: Route = super().save(commit=False)
        if route.kind == Route.Kind.DIRECT:
            route.host, route.port, route.username, route.security = "", 25, "", Route.Security.STARTTLS
        if self.cleaned_data["password"]:
            fields.seal(route, "password_sealed", self.cleaned_data["password"])
        if not route.username:
            route.password_sealed = ""
        route.save()
        self.save_m2m()
        return route


class LimitForm(LimitModelForm):
    """What may pass in a time, and over how many connections: over a route, to a provider, from a sending domain."""

    class Meta:
        model = Limit
        fields: tuple[str, ...] = ("per_second", "per_minute", "per_hour", "per_day", "connections", "per_connection")
        labels = {
            "per_second": _("Messages per second"),
            "per_minute": _("Messages per minute"),
            "per_hour": _("Messages per hour"),
            "per_day": _("Messages in 24 hours"),
            "connections": _("Connections at once"),
            "per_connection": _("Messages per connection"),
            "idle_seconds": _("Seconds until an idle connection is closed"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.min_value = 0  # type: ignore[attr-defined]
            field.widget.attrs["min"] = 0

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in self._meta.fields or ():
            if (value := data.get(name)) is not None and value <= 0:
                self.add_error(name, _("More than 0, or empty for no limit."))
        return data


def site_choices() -> list[tuple[str, str]]:
    """Providers by name, and the others that mail went to."""
    named = [(key, str(providers.label(key, "en"))) for key in providers.named()]
    others = Site.objects.exclude(key__in=providers.named()).order_by("key").values_list("key", flat=True)
    return [*named, *((key, key) for key in others[:200])]


class SiteLimitForm(LimitForm):
    """A limit for one provider over a direct route: the known ones by name, others once mail went there."""

    site = forms.ChoiceField(label=_("Provider"))

    class Meta(LimitForm.Meta):
        fields = (*LimitForm.Meta.fields, "idle_seconds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].choices = site_choices()  # type: ignore[attr-defined]
        self.order_fields(["site"])


class WarmUpForm(forms.Form):
    """A plan: from which day on how many a day. The numbers stand one behind the other, "200 400 800"."""

    provider = forms.ChoiceField(label=_("For"))
    starts_on = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}))
    caps = forms.CharField(
        label=_("Messages in 24 hours, day by day"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, route: Route, plan: WarmUp | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "provider": plan.site.key if plan and plan.site else ALL,
            "starts_on": timezone.localdate(plan.starts_at if plan else None),
            "caps": " ".join(str(cap) for cap in (plan.caps if plan else warmup.USUAL)),
        }
        super().__init__(*args, **kwargs)
        whole = [(ALL, _("All mail over this route"))]
        direct = route.kind == Route.Kind.DIRECT
        self.fields["provider"].choices = [*whole, *(site_choices() if direct else [])]  # type: ignore[attr-defined]

    @classmethod
    def of(cls, plan: WarmUp) -> Self:
        """To change it; a page may have several."""
        return cls(route=plan.route, plan=plan, prefix="warm", auto_id=f"plan{plan.pk}-%s")

    def clean_provider(self) -> str:
        """ "" for all mail."""
        chosen: str = self.cleaned_data["provider"]
        return "" if chosen == ALL else chosen

    def clean_caps(self) -> list[int]:
        typed = [part.replace(",", "") for part in re.split(r",?\s+|、|;", self.cleaned_data["caps"].strip()) if part]
        if not all(part.isascii() and part.isdigit() and 0 < int(part[:12]) <= MOST_A_DAY for part in typed):
            raise forms.ValidationError(_("Numbers above 0, with spaces between them: 200 400 800"))
        if len(typed) > warmup.MOST_DAYS:
            raise forms.ValidationError(_("A plan has %(n)s days at most.") % {"n": warmup.MOST_DAYS})
        return [int(part) for part in typed]

    def clean_starts_on(self) -> dt.date:
        chosen: dt.date = self.cleaned_data["starts_on"]
        if abs((chosen - timezone.localdate()).days) > 366:
            raise forms.ValidationError(_("A day within a year from today."))
        return chosen

    def values(self) -> dict[str, Any]:
        midnight = dt.datetime.combine(self.cleaned_data["starts_on"], dt.time())
        return {"starts_at": timezone.make_aware(midnight), "caps": self.cleaned_data["caps"]}


class BrakesForm(BrakesModelForm):
    """Percent above which a campaign pauses itself; empty: never for this."""

    class Meta:
        model = Brakes
        fields = ("unknown_users", "blocks", "complaints", "stops")
        labels = {
            "unknown_users": _("Addresses that do not exist, %"),
            "blocks": _("Refused because of the sender or the letter, %"),
            "complaints": _("Reported as spam, %"),
            "stops": _("Addresses to be stopped, %"),
        }


class DomainForm(forms.Form):
    name = forms.CharField(
        label=_("Domain"),
        max_length=253,
        help_text=_("The part after @ in your From address, for example news.example.com."),
    )

    def clean_name(self) -> str:
        found = parse(f"postmaster@{self.cleaned_data['name'].strip().lstrip('@')}")
        if not isinstance(found, Address) or "." not in found.domain:
            raise forms.ValidationError(_("This is not a domain name. Example: news.example.com"))
        return found.domain


class FromAddressForm(FromAddressModelForm):
    class Meta:
        model = FromAddress
        fields = ("name", "local_part", "reply_to")
        labels = {"name": _("Name"), "local_part": _("Before the @"), "reply_to": _("Replies go to")}

    def __init__(self, *args: Any, domain: SendingDomain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.domain = domain
        self.fields["name"].validators.append(one_line)

    def clean_local_part(self) -> str:
        found = parse(f"{self.cleaned_data['local_part']}@{self.domain.name}")
        if not isinstance(found, Address) or not found.local.isascii():
            raise forms.ValidationError(_("Only letters, digits, dots, hyphens and underscores."))
        if (
            FromAddress.objects.filter(
                sending_domain=self.domain, local_part=found.local, name=self.cleaned_data.get("name", "")
            )
            .exclude(pk=self.instance.pk)
            .exists()
        ):
            raise forms.ValidationError(_("There is this address with this name already."))
        return found.local

    def clean_reply_to(self) -> str:
        return reply_address(self.cleaned_data["reply_to"])


def reply_address(value: str) -> str:
    """As typed. It stands in every message, so that all servers must take it: ASCII but for the domain."""
    if not value:
        return ""
    found = parse(value)
    if not isinstance(found, Address):
        raise forms.ValidationError(found.words)
    if not found.local.isascii():
        raise forms.ValidationError(_("Many mail servers cannot reply to such letters before the @."))
    return found.address
