"""Mail on a contact's timeline: what was sent to them, and what they did with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import timeline
from contacts.models import Contact
from contacts.timeline import Event
from delivery import message_page
from delivery.models import Event as Happened
from delivery.models import IncomingReport, Mailing, Message

KIND = "mail"
TITLE: Promise = gettext_lazy("Mail")
SHOWN = (Mailing.Kind.CAMPAIGN, Mailing.Kind.TEST)

_TITLES: dict[str, tuple[Promise, str, str]] = {
    "delivered": (gettext_lazy("Received “%(mailing)s”"), "circle-check", "done"),
    "deferred": (gettext_lazy("“%(mailing)s” is tried again later"), "refresh", "wait"),
    "bounced": (gettext_lazy("“%(mailing)s” bounced later"), "mail-x", "stop"),
    "failed": (gettext_lazy("Did not get “%(mailing)s”"), "circle-x", "stop"),
    "uncertain": (gettext_lazy("Perhaps received “%(mailing)s”"), "help-circle", "wait"),
    "held": (gettext_lazy("“%(mailing)s” is held"), "alert-triangle", "wait"),
    "cancelled": (gettext_lazy("Was not sent “%(mailing)s” after all"), "ban", "mute"),
    "queued": (gettext_lazy("“%(mailing)s” is on its way"), "clock", "run"),
}
_DEEDS: dict[str, tuple[Promise, str, str]] = {
    Happened.Kind.OPEN: (gettext_lazy("Opened “%(mailing)s”"), "eye", "run"),
    Happened.Kind.CLICK: (gettext_lazy("Clicked in “%(mailing)s”"), "pointer", "run"),
    Happened.Kind.UNSUBSCRIBE: (gettext_lazy("Unsubscribed with the link in “%(mailing)s”"), "user-off", "mute"),
    Happened.Kind.BOUNCE_LATER: (gettext_lazy("A report came back: “%(mailing)s” did not arrive"), "mail-x", "stop"),
    Happened.Kind.COMPLAINT: (gettext_lazy("Reported “%(mailing)s” as spam"), "flag", "stop"),
}


def register() -> None:
    timeline.register(KIND, TITLE, events)


def events(contact: Contact, before: dt.datetime | None, limit: int) -> Iterable[Event]:
    """Newest first. A mail stands at the moment its mailing began."""
    found = [*_mails(contact, before, limit), *_deeds(contact, before, limit), *_answers(contact, before, limit)]
    return sorted(found, key=lambda event: event.at, reverse=True)[:limit]


def _mails(contact: Contact, before: dt.datetime | None, limit: int) -> list[Event]:
    rows = Message.objects.filter(contact=contact, mailing__kind__in=SHOWN, mailing__started_at__isnull=False)
    if before:
        rows = rows.filter(mailing__started_at__lt=before)
    return [_mail(row) for row in rows.select_related("mailing").order_by("-mailing__started_at")[:limit]]


def _mail(row: Message) -> Event:
    words, icon, tone = _TITLES[row.state_name]
    explanation = message_page.explanation_of(row.cause)
    assert row.mailing.started_at is not None
    return Event(
        at=row.mailing.started_at,
        title=str(words) % {"mailing": row.mailing},
        icon=icon,
        tone=tone,
        lines=[explanation.title] if explanation and row.state_name != "delivered" else [],
        url=reverse("delivery:message", args=[row.pk]),
        decisive=row.state_name in ("failed", "bounced"),
        kind=KIND,
    )


def _answers(contact: Contact, before: dt.datetime | None, limit: int) -> list[Event]:
    """What a machine answered for the person: it is shown and does nothing."""
    rows = IncomingReport.objects.filter(contact_id=contact.pk, kind=IncomingReport.Kind.AUTO_REPLY)
    if before:
        rows = rows.filter(received_at__lt=before)
    return [
        Event(
            at=row.received_at, title=_("An automatic answer came"), icon="mail",
            url=reverse("delivery:report", args=[row.pk]), kind=KIND,
        )
        for row in rows.defer("raw_sealed").order_by("-received_at")[:limit]
    ]  # fmt: skip


def _deeds(contact: Contact, before: dt.datetime | None, limit: int) -> list[Event]:
    rows = Happened.objects.filter(contact_id=contact.pk, kind__in=list(_DEEDS))
    if before:
        rows = rows.filter(at__lt=before)
    chosen = list(rows.order_by("-at")[:limit])
    mailings = Mailing.objects.in_bulk([row.mailing_id for row in chosen if row.mailing_id])
    return [_deed(row, mailings.get(row.mailing_id or 0)) for row in chosen]


def _deed(row: Happened, mailing: Mailing | None) -> Event:
    words, icon, tone = _DEEDS[row.kind]
    return Event(
        at=row.at,
        title=str(words) % {"mailing": mailing or "–"},
        icon=icon,
        tone="mute" if row.machine else tone,
        lines=[_("by a machine")] if row.machine else [],
        url=reverse("delivery:message", args=[row.message_id]) if row.message_id else "",
        kind=KIND,
    )
