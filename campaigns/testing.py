"""Test sends: the real letter over the real route, personalised as a chosen person, with links that do nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from campaigns import contents, launching
from campaigns.models import Campaign, CampaignTest
from delivery import contents as stored
from delivery import mailings
from delivery.content.limits import check_in_child
from delivery.models import Mailing

if TYPE_CHECKING:
    from accounts.audit import Actor
    from accounts.models import User
    from contacts.models import Contact

SHOWN = 5


class CannotTest(Exception):
    """Why no test can go out, in words, and which field of the campaign would change that."""

    def __init__(self, words: str, field: str) -> None:
        super().__init__(words)
        self.field = field


@transaction.atomic
def send(
    campaign: Campaign, *, to: list[str], as_contact: Contact | None, by: User | None, actor: Actor
) -> CampaignTest:
    """Queue it. Raises CannotTest, and TemplateProblem when the letter cannot be frozen."""
    routes = launching.routes_of(campaign)
    if campaign.from_address is None:
        raise CannotTest(_("Choose a From address first. Nothing was sent."), "from_address")
    if not routes:
        raise CannotTest(_("This workspace has no route for that From address. Nothing was sent."), "route")
    frozen = check_in_child(replace(contents.source(campaign), subject="[TEST] " + campaign.subject))
    try:
        mailing = mailings.post(
            workspace=campaign.workspace,
            kind=Mailing.Kind.TEST,
            content=stored.store(campaign.workspace, frozen),
            from_address=campaign.from_address,
            reply_to=campaign.reply_to,
            routes=routes,
            rcpts=to,
            as_contact=as_contact,
            name=str(campaign),
            page=reverse("campaigns:send", args=[campaign.pk]),
        )
    except mailings.NotLive as error:
        raise CannotTest(_("The sending domain is not live yet. Nothing was sent."), "from_address") from error
    audit.record(actor, campaign.workspace, "campaign.test", campaign, to=len(to))
    return CampaignTest.objects.create(campaign=campaign, mailing=mailing, contact=as_contact, sent_by=by)


def recent(campaign: Campaign) -> list[CampaignTest]:
    """The last tests with their messages, for the lines under the button."""
    rows = campaign.tests.select_related("mailing", "contact").prefetch_related("mailing__messages")
    return list(rows[:SHOWN])
