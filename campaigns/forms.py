"""What the campaign pages accept."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Workspace
from accounts.text import one_line
from campaigns import clock
from campaigns.models import Campaign
from campaigns.samples import Sample
from contacts.addresses import AddressProblem, parse
from contacts.models import List
from delivery.forms import reply_address
from delivery.models import FromAddress, Route

if TYPE_CHECKING:
    CampaignModelForm = forms.ModelForm[Campaign]
else:  # the class takes no parameter at run time
    CampaignModelForm = forms.ModelForm

LONGEST = 2_000_000  # characters of one part: Gmail cuts at 102 kB, so nobody sends this


class ContentForm(CampaignModelForm):
    """The Write tab; also what autosave sends."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = (
            "name",
            "from_address",
            "reply_to",
            "subject",
            "preheader",
            "kind",
            "language",
            "html",
            "letter",
            "text",
        )
        labels = {
            "name": _("Name"),
            "from_address": _("From"),
            "reply_to": _("Reply to"),
            "subject": _("Subject"),
            "preheader": _("Preview text"),
            "kind": _("Written as"),
            "language": _("Language of the mail"),
            "html": _("HTML"),
            "letter": _("Text"),
            "text": _("Plain-text part"),
        }
        widgets = {
            "html": forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}),
            "letter": forms.Textarea(attrs={"rows": 18}),
            "text": forms.Textarea(attrs={"rows": 14}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        addresses = FromAddress.objects.of(self.instance.workspace).select_related("sending_domain")
        self.fields["from_address"].queryset = addresses  # type: ignore[attr-defined]
        for name in ("name", "subject", "preheader"):  # of headers
            self.fields[name].validators.append(one_line)
        for name in ("html", "letter", "text"):
            self.fields[name].validators.append(MaxLengthValidator(LONGEST))
            self.fields[name].strip = False  # type: ignore[attr-defined]

    def clean_reply_to(self) -> str:
        return reply_address(self.cleaned_data["reply_to"])

    def values(self) -> dict[str, Any]:
        """Only what was sent; of the page's form, which sends all, what its `touched` names (separated by spaces)."""
        sent = self.data.get("touched", "").split() or self.data
        return {name: value for name, value in self.cleaned_data.items() if name in sent and name != "version"}


def clean_address(value: str) -> str:
    if not value:
        return ""
    address = parse(value)
    if isinstance(address, AddressProblem):
        raise forms.ValidationError(address.words)
    return address.address


class AudienceForm(forms.Form):
    """Which lists are in, and which are out. `version` is the one that the page showed."""

    version = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    include = forms.ModelMultipleChoiceField(
        List.objects.none(), required=False, label=_("People on these lists"), widget=forms.CheckboxSelectMultiple
    )
    exclude = forms.ModelMultipleChoiceField(
        List.objects.none(), required=False, label=_("But not people on these"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = List.objects.of(workspace).order_by("name")
        for name in ("include", "exclude"):
            self.fields[name].queryset = lists  # type: ignore[attr-defined]

    def values(self) -> dict[str, list[int]]:
        return {
            "include_lists": [one.pk for one in self.cleaned_data["include"]],
            "exclude_lists": [one.pk for one in self.cleaned_data["exclude"]],
        }


class ScheduleForm(forms.Form):
    """Now, or a wall time in a zone."""

    NOW, LATER = "now", "later"
    when = forms.ChoiceField(choices=[(NOW, _("Now")), (LATER, _("At a set time"))])
    date = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    time = forms.TimeField(required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.ChoiceField(choices=[], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["zone"].choices = [(name, name) for name in sorted(zoneinfo.available_timezones())]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("when") != self.LATER:
            return {**data, "at": None, "zone": ""}
        for name in ("date", "time", "zone"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, _("Say when."))
        if self.errors:
            return data
        try:
            wall = dt.datetime.combine(data["date"], data["time"])
            return {**data, "at": clock.instant(wall, data["zone"], now=timezone.now())}
        except clock.BadTime as bad:
            self.add_error("time", str(bad.reason))
            return data


class RouteForm(forms.Form):
    """The route of a campaign, and which take over in order while it is down."""

    route = forms.ModelChoiceField(Route.objects.none(), label=_("Route"))
    second = forms.ModelChoiceField(Route.objects.none(), required=False, label=_("If it is down"))
    third = forms.ModelChoiceField(Route.objects.none(), required=False, label=_("If that one is down too"))

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        routes = workspace.routes.exclude(kind=Route.Kind.SANDBOX)
        for field in self.fields.values():
            field.queryset = routes  # type: ignore[attr-defined]
            field.empty_label = _("None: everybody waits until it is back")  # type: ignore[attr-defined]
        if len(routes) < len(self.fields):
            del self.fields["third"]

    @classmethod
    def of(cls, campaign: Campaign, routes: Sequence[Route]) -> Self:
        """As it is chosen now."""
        return cls(initial=dict(zip(cls.base_fields, routes, strict=False)), workspace=campaign.workspace)

    def values(self) -> dict[str, Any]:
        first, *others = [self.cleaned_data[name] for name in self.fields]
        chosen = dict.fromkeys(one.pk for one in others if one not in (None, first))
        return {"route": first, "next_routes": list(chosen)}


class GiveUpForm(forms.Form):
    """How long whoever does not get it at once is tried again. A program may have set hours of its own."""

    USUAL = (2, 6, 12, 24, 48, 72)
    give_up_hours = forms.TypedChoiceField(label=_("Give up after"), coerce=int)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = sorted({*self.USUAL, campaign.give_up_hours})
        self.fields["give_up_hours"].choices = [  # type: ignore[attr-defined]
            (number, ngettext("%(n)s hour", "%(n)s hours", number) % {"n": number}) for number in hours
        ]


class WaveForm(forms.Form):
    """How many get it first, and how long the others then wait. A program may have set figures of its own."""

    SIZES, MINUTES = (0, 100, 500, 1_000, 5_000, 10_000), (10, 30, 60, 120, 240, 1_440)
    wave_size = forms.TypedChoiceField(label=_("Safety wave"), coerce=int)
    wave_minutes = forms.TypedChoiceField(label=_("Then wait"), coerce=int)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wave_size"].choices = [  # type: ignore[attr-defined]
            (size, self._size(size)) for size in sorted({*self.SIZES, campaign.wave})
        ]
        self.fields["wave_minutes"].choices = [  # type: ignore[attr-defined]
            (number, self._wait(number)) for number in sorted({*self.MINUTES, campaign.wave_minutes})
        ]

    @staticmethod
    def _size(size: int) -> str:
        if not size:
            return str(_("None: everybody at once"))
        return ngettext("First %(n)s person", "First %(n)s people", size) % {"n": f"{size:,}"}

    @staticmethod
    def _wait(number: int) -> str:
        if number < 60 or number % 60:
            return ngettext("%(n)s minute", "%(n)s minutes", number) % {"n": f"{number:,}"}
        return ngettext("%(n)s hour", "%(n)s hours", number // 60) % {"n": number // 60}


class TestForm(forms.Form):
    """Whom a test goes to: typed addresses, at most ten; and as whom it is personalised."""

    to = forms.CharField(label=_("Send a test to"), max_length=4000)
    contact = forms.IntegerField(required=False, min_value=1, label=_("Personalised as"), widget=forms.Select)

    def __init__(self, *args: Any, people: Sequence[Sample] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["contact"].widget.choices = [
            (one.contact.pk, f"{one.contact} · {one.why}" if one.why else str(one.contact)) for one in people
        ]

    def clean_to(self) -> list[str]:
        typed = self.cleaned_data["to"].replace("\n", ",").replace(";", ",").split(",")
        addresses = [clean_address(one.strip()) for one in typed if one.strip()]
        if not addresses:
            raise forms.ValidationError(_("Write at least one address."))
        if len(addresses) > 10:
            raise forms.ValidationError(_("A test goes to ten addresses at most."))
        return list(dict.fromkeys(addresses))
