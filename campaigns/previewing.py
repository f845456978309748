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
from delivery import letters
from delivery.content.headers import BadHeader
from delivery.content.message import Identity
from delivery.content.preview import preview
from delivery.content.source import RenderLimit, TemplateProblem
from delivery.models import Mailing


@dataclass(frozen=True)
class Shown:
    """`problem` is why there is nothing to show, in words, and where, if it is in a part; None when there is."""

    contact: Contact | None
    problem: str | None = None
    fault: TemplateProblem | RenderLimit | None = None
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
        return Shown(contact, problems.words_of(compiled.problem) if compiled.problem else "", compiled.problem)
    try:
        made = preview(
            compiled.frozen,
            contents.person_values(contact),
            identity=_identity(campaign),
            to=contact.address if contact else "reader@example.com",
            to_name=contact.name if contact else "",
            second=int(timezone.now().timestamp()),
            campaign={"name": str(campaign)},
            workspace=contents.workspace_values(campaign),
        )
    except RenderLimit as limit:
        why = _(limit.message) % limit.params
        return Shown(contact, _("The letter fails for this person: %(why)s") % {"why": why}, limit)
    except BadHeader as bad:
        return Shown(contact, _("A header cannot be written: %(why)s") % {"why": bad})
    return Shown(
        contact,
        subject=made.subject,
        preheader=made.preheader,
        html=made.html,
        text=made.text,
        headers=made.headers,
        source=made.source,
        missing=made.missing,
    )


def _identity(campaign: Campaign) -> Identity:
    """What the mail's fixed headers say: the same as is kept with a mailing, whose number a draft has not yet."""
    if campaign.from_address is None:
        return Identity(address="sender@example.com", reply_to=campaign.reply_to)
    mailing = campaign.mailing or Mailing(
        pk=0,
        kind=Mailing.Kind.CAMPAIGN,
        workspace=campaign.workspace,
        from_address=campaign.from_address,
        reply_to=campaign.reply_to,
        include_lists=campaign.include_lists,
    )
    return Identity(**(mailing.letterhead or letters.letterhead(mailing))["identity"])
