"""The button of a cause leads where its action can be done, for whoever may do it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from accounts.roles import Permissions
from analytics import remedies
from analytics.models import MailingOutcome
from campaigns.models import Campaign
from delivery import knowledge
from delivery.models import Mailing, Route, SendingDomain
from delivery.queue import ticks
from tests.analytics.conftest import live, mailing_of

DOMAIN, ROUTE = SendingDomain(pk=3, name="news.example.com"), Route(pk=5, name="Relay", kind=Route.Kind.SMARTHOST)
ADMIN, VIEWER = Permissions(Role.ADMIN, install_admin=True), Permissions(Role.VIEWER)


@pytest.mark.parametrize(
    ("cause", "url", "words"),
    [
        ("dkim_failed", "/settings/domains/3", "Open the DNS records of news.example.com"),
        ("unauthenticated", "/settings/domains/3", "Open the DNS records of news.example.com"),
        ("helo_refused", "/settings/routes/5", "Open the route “Relay”"),
        ("login_refused", "/settings/routes/5", "Open the route “Relay”"),
        ("blocklist_spamhaus", "/settings/routes/5", "Open the route “Relay”"),
        ("content_spam", "/campaigns/7/duplicate", "Write a corrected copy"),
    ],
)
def test_the_button_opens_what_has_to_change(cause: str, url: str, words: str) -> None:
    found = remedies.remedy(knowledge.CAUSES[cause], Campaign(pk=7), DOMAIN, ROUTE, ADMIN)
    assert found == remedies.Remedy(words, url, post=cause == "content_spam")


@pytest.mark.parametrize("cause", ["no_such_user", "mailbox_full", "domain_not_found", "domain_reputation"])
def test_for_other_causes_there_are_only_the_people(cause: str) -> None:
    assert remedies.remedy(knowledge.CAUSES[cause], Campaign(pk=7), DOMAIN, ROUTE, ADMIN) is None


@pytest.mark.parametrize("cause", ["login_refused", "content_spam"])
def test_nobody_is_led_to_a_page_that_is_refused(cause: str) -> None:
    assert remedies.remedy(knowledge.CAUSES[cause], Campaign(pk=7), DOMAIN, ROUTE, VIEWER) is None


@pytest.mark.parametrize("cause", ["dkim_failed", "login_refused"])
def test_the_sandbox_has_no_records_and_no_page_of_its_route(cause: str) -> None:
    domain, route = SendingDomain(pk=3, sandbox=True), Route(pk=5, kind=Route.Kind.SANDBOX)
    assert remedies.remedy(knowledge.CAUSES[cause], Campaign(pk=7), domain, route, ADMIN) is None
    assert remedies.remedy(knowledge.CAUSES["login_refused"], Campaign(pk=7), domain, None, ADMIN) is None


def test_a_cause_has_one_remedy_and_links_to_its_people_and_replies(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailing = mailing_of(campaign)
    for cause in ("dkim_failed", "login_refused", "content_spam", "mailbox_full"):
        MailingOutcome.objects.create(mailing=mailing, provider="other", outcome="failed", cause=cause, n=2)

    def card(cause: str) -> str:
        return live(reader, campaign).partition(f'id="cause-failed-{cause}"')[2].partition("</details>")[0]

    people = reverse("delivery:people", args=[mailing.pk])
    domain = reverse("delivery:domain", args=[mailing.from_address.sending_domain_id])
    for cause in ("dkim_failed", "login_refused", "content_spam", "mailbox_full"):
        remedy, _, again = card(cause).partition(reverse("campaigns:again", args=[campaign.pk]))
        assert remedy.count("btn btn-sm") == 1, cause
        assert again.count("btn btn-sm") == 1, cause  # "Send again to these"
        assert f'href="{people}?outcome=failed&amp;cause={cause}"' in card(cause)
    assert f'class="btn btn-sm" href="{domain}"' in card("dkim_failed")
    assert f'class="btn btn-sm" href="{people}' in card("login_refused")  # routes are the install's, not a workspace's
    assert f'action="{reverse("campaigns:duplicate", args=[campaign.pk])}"' in card("content_spam")
    User.objects.update(is_install_admin=True)
    route = reverse("delivery:route", args=[Route.objects.get().pk])
    assert f'class="btn btn-sm" href="{route}"' in card("login_refused")


@pytest.mark.parametrize(
    ("reason", "can", "words", "url"),
    [
        ("many_unknown_users", VIEWER, "Open the brakes", "/settings/brakes"),
        ("login_refused", ADMIN, "Open the route", "/settings/routes/"),
    ],
)
def test_a_pause_by_itself_leads_to_what_decides_it(
    campaign: Campaign, reason: str, can: Permissions, words: str, url: str
) -> None:
    mailing = mailing_of(campaign)
    mailing.state, mailing.pause_reason = Mailing.State.PAUSED, reason
    found = remedies.of_pause(campaign, mailing, can)
    assert found and found.words.startswith(words) and found.url.startswith(url) and not found.post
    mailing.pause_reason = "manual"
    assert remedies.of_pause(campaign, mailing, can) is None
