"""The letter as one person gets it, for the preview panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from campaigns import contents, problems
from campaigns.models import Campaign
from contacts.models import Contact
from delivery.content.headers import BadHeader
from delivery.content.message import Identity
from delivery.content.preview import preview
from delivery.content.source import RenderLimit


@dataclass(frozen=True)
class Shown:
    """`problem` is why there is nothing to show, in words; None when there is."""

    contact: Contact | None
    problem: str | None = None
    subject: str = ""
    preheader: str = ""
    html: str = ""
    text: str = ""
    headers: str = ""
    source: str = ""
    missing: tuple[str, ...] = ()

    parts: ClassVar[tuple[tuple[str, Promise | str], ...]] = (
        ("html", "HTML"),
        ("text", gettext_lazy("Text")),
        ("headers", gettext_lazy("Headers")),
        ("source", pgettext_lazy("mail", "Source")),
    )
    widths: ClassVar[tuple[tuple[str, Promise | str], ...]] = (
        ("360", "360"),
        ("600", "600"),
        ("full", gettext_lazy("Full")),
    )


def of(campaign: Campaign, contact: Contact | None) -> Shown:
    compiled = contents.compiled(campaign)
    if compiled.frozen is None:
        return Shown(contact, problems.words_of(compiled.problem) if compiled.problem else "")
    sender = campaign.from_address
    identity = Identity(
        address=sender.address if sender else "sender@example.com",
        name=sender.name if sender else "",
        reply_to=campaign.reply_to or (sender.reply_to if sender else ""),
    )
    try:
        made = preview(
            compiled.frozen,
            contents.person_values(contact),
            identity=identity,
            to=contact.address if contact else "reader@example.com",
            to_name=contact.name if contact else "",
            second=int(timezone.now().timestamp()),
            campaign={"name": str(campaign)},
            workspace=contents.workspace_values(campaign),
        )
    except RenderLimit as limit:
        return Shown(contact, _("The letter fails for this person: %(why)s") % {"why": limit})
    except BadHeader as bad:
        return Shown(contact, _("A header cannot be written: %(why)s") % {"why": bad})
    return Shown(
        contact, None, made.subject, made.preheader, made.html, made.text, made.headers, made.source, made.missing
    )
