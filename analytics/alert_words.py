"""Alerts in words: what is wrong, what it means, and where it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import notices
from accounts.models import Workspace
from analytics.alerting import GRAVE, Kind
from analytics.groups import Group
from analytics.health_words import place
from analytics.models import Alert
from delivery.models import SendingDomain

NOTICE = "analytics.alert"

TITLES: dict[Kind, Promise] = {
    Kind.PROOF: gettext_lazy("Mail of %(subject)s is not proved to be yours"),
    Kind.RECORD: gettext_lazy("The DKIM record of %(subject)s is wrong"),
    Kind.BLOCKED: gettext_lazy("%(subject)s takes your mail for spam"),
    Kind.COMPLAINTS: gettext_lazy("Too many people report your mail as spam"),
    Kind.ABSENT: gettext_lazy("Too many addresses do not exist"),
    Kind.ROUTE: gettext_lazy("The route “%(subject)s” sends nothing"),
    Kind.PROVIDER: gettext_lazy("%(subject)s is paused, since it refused your mail"),
    Kind.CAMPAIGN: gettext_lazy("“%(subject)s” paused itself"),
    Kind.INLET: gettext_lazy("Bounces and complaints do not come in"),
    Kind.WORKERS: gettext_lazy("People wait, and nobody sends"),
}
DETAILS: dict[Kind, Promise] = {
    Kind.PROOF: gettext_lazy("%(part)s of %(whole)s were refused for it in the last two hours."),
    Kind.RECORD: gettext_lazy("Receivers may refuse its mail until it is put right."),
    Kind.BLOCKED: gettext_lazy("%(part)s of %(whole)s people there were refused in the last two hours."),
    Kind.COMPLAINTS: gettext_lazy(
        "%(part)s of %(whole)s people where providers tell, in 24 hours. Stay below 0.1%%, or mail goes to the spam "
        "folder for everybody."
    ),
    Kind.ABSENT: gettext_lazy(
        "%(part)s of %(whole)s people in 24 hours. Above 2%%, receivers take you for somebody with a bought list."
    ),
    Kind.ROUTE: gettext_lazy("It does not answer, or paused itself. Nobody is failed for it."),
    Kind.PROVIDER: gettext_lazy(
        "Nobody there is mailed until somebody resumes it. Put right what it objects to first."
    ),
    Kind.CAMPAIGN: gettext_lazy("Nobody else gets it until somebody resumes it. Its report says why."),
    Kind.INLET: gettext_lazy("The mailbox “%(subject)s” cannot be read. What is in it is fetched once it can."),
    Kind.WORKERS: gettext_lazy("No send worker is at work. Nothing is lost: start the workers of the queue “send”."),
}


NO_LISTENER = gettext_lazy(
    "No listener has been seen for five minutes. Other servers keep what they have for us for some days: start it."
)


@dataclass(frozen=True)
class Told:
    """One alert for a page or a mail. `tone` as of a callout."""

    alert: Alert
    title: str
    detail: str
    tone: str
    url: str


def told(alert: Alert, workspace: Workspace) -> Told:
    words = {
        "kind": alert.kind,
        "subject": alert.subject,
        "part": alert.part,
        "whole": alert.whole,
    }
    kind = Kind(alert.kind)
    return Told(
        alert=alert,
        title=title(words),
        detail=str(NO_LISTENER if kind is Kind.INLET and not alert.subject else DETAILS[kind]) % _figures(words),
        tone="stop" if kind in GRAVE else "wait",
        url=_url(kind, alert.subject, workspace),
    )


def title(words: Mapping[str, Any]) -> str:
    return str(TITLES[Kind(words["kind"])]) % _figures(words)


def _figures(words: Mapping[str, Any]) -> dict[str, str]:
    subject = str(words["subject"])
    if words["kind"] == Kind.CAMPAIGN:
        subject = subject.partition(":")[2]
    return {
        "subject": place(subject) if words["kind"] in (Kind.BLOCKED, Kind.PROVIDER) else subject,
        "part": f"{words['part']:,}",
        "whole": f"{words['whole']:,}",
    }


def _url(kind: Kind, subject: str, workspace: Workspace) -> str:
    if kind is Kind.CAMPAIGN:
        return reverse("campaigns:report", args=[subject.partition(":")[0]])
    if kind in (Kind.ROUTE, Kind.PROVIDER, Kind.WORKERS):
        return reverse("analytics:queue")
    if kind is Kind.RECORD:
        domain = SendingDomain.objects.of(workspace).filter(name=subject).first()
        return reverse("delivery:domain", args=[domain.pk]) if domain else reverse("delivery:domains")
    asked = {
        Kind.PROOF: {"days": 1, "group": Group.PROOF},
        Kind.BLOCKED: {"days": 1, "group": Group.SPAM, "provider": subject},
        Kind.ABSENT: {"days": 1, "group": Group.ABSENT},
    }.get(kind, {"days": 1})
    return f"{reverse('analytics:health')}?{urlencode(asked)}#advice"


def notice_words(params: Mapping[str, Any]) -> str:
    return _("Alert: %(title)s") % {"title": title(params)}


def register() -> None:
    notices.register(NOTICE, notice_words)
