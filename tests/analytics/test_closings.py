"""The report says who takes no mail at the moment: the smarthost, or the providers that people wait for."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from analytics import closings, reports
from analytics.closings import Routes
from campaigns.models import Campaign
from delivery import buckets, slowdowns
from delivery import routes as delivery_routes
from delivery.models import Bucket, Deferral, Domain, Mailing, Message, Route, Run, Site
from delivery.slowdowns import Refusal
from tests.api.caller import caller_of
from tests.delivery.queue import world
from tests.factories import make_member

pytestmark = pytest.mark.django_db


class Sending:
    """A campaign on its way over a direct route, with people who wait."""

    def __init__(self) -> None:
        self.world = world.make()
        Route.objects.update(kind=Route.Kind.DIRECT)
        self.mailing = self.world.mailing()
        self.campaign = Campaign.objects.create(workspace=self.world.workspace, name="October", mailing=self.mailing)
        Mailing.objects.update(state=Mailing.State.SENDING, started_at=timezone.now())
        self.mailing.refresh_from_db()

    def site(self, key: str, provider: str = "", *, closed: bool = True) -> Site:
        site = Site.objects.create(key=key, provider=provider)
        if closed:
            buckets.close(buckets.site_key(self.world.route.pk, site.pk), "connect_timeout")
        return site

    def own_lane(self, site: Site, *, left: int = 1) -> None:
        first, last = site.pk * 1000, site.pk * 1000 + 299
        Run.objects.create(
            mailing=self.mailing, lane=f"site:{site.pk}", site=site, first=first, last=last, cursor=last + 1 - left
        )

    def pooled(self, site: Site) -> None:
        """Somebody there waits in a lane of many sites."""
        domain = Domain.objects.create(name=f"{site.key}.example", site=site)
        (contact,) = self.world.people([f"a@{domain.name}"])
        message = Message.objects.create(mailing=self.mailing, contact=contact, rcpt=contact.address, domain=domain)
        Deferral.objects.create(message=message, mailing=self.mailing, lane="mixed", due_at=timezone.now())

    def told(self) -> list[str]:
        return [closed.key for closed in closings.providers(self.mailing)]


@pytest.fixture
def sending() -> Sending:
    return Sending()


def test_providers_that_people_wait_for_are_told(sending: Sending) -> None:
    sending.own_lane(sending.site("google.com", "gmail"))
    sending.own_lane(sending.site("mx.large.example"))
    sending.pooled(sending.site("docomo.ne.jp", "docomo"))
    assert sorted(sending.told()) == ["docomo", "gmail", "mx.large.example"]


def test_who_is_open_or_waited_for_by_nobody_is_not(sending: Sending) -> None:
    sending.own_lane(sending.site("google.com", "gmail", closed=False))
    sending.own_lane(sending.site("docomo.ne.jp", "docomo"), left=0)
    sending.site("icloud.com", "icloud")
    sending.pooled(sending.site("mx.small.example"))
    assert sending.told() == []


def test_a_provider_with_two_closed_sites_is_named_once_with_the_later_hour(sending: Sending) -> None:
    first, second = sending.site("google.com", "gmail"), sending.site("googlemail.com", "gmail")
    for site in (first, second):
        sending.own_lane(site)
    later = Bucket.objects.get(key=buckets.site_key(sending.world.route.pk, second.pk)).closed_until
    (told,) = closings.providers(sending.mailing)
    assert (told.key, told.until) == ("gmail", later)


def test_a_smarthost_closes_as_a_whole(sending: Sending) -> None:
    Route.objects.update(kind=Route.Kind.SMARTHOST)
    sending.own_lane(sending.site("google.com", "gmail"))
    buckets.close(buckets.route_key(sending.world.route.pk), "connect_timeout")
    made = reports.report(sending.mailing)
    assert (made.closed_until is not None, made.closed_providers) == (True, [])


def test_a_route_that_takes_over_is_named(sending: Sending) -> None:
    Route.objects.update(kind=Route.Kind.SMARTHOST)
    second = Route.objects.create(name="Second", kind=Route.Kind.SMARTHOST, host="127.0.0.1")
    world.add_route(sending.mailing, second)
    assert closings.routes(sending.mailing) == Routes()
    first = buckets.route_key(sending.world.route.pk)
    buckets.close(first, "connect_timeout")
    assert closings.routes(sending.mailing) == Routes(None, "Receiver", "Second")

    Route.objects.filter(pk=second.pk).update(paused_at=timezone.now())
    assert closings.routes(sending.mailing) == Routes(Bucket.objects.get(key=first).closed_until)


def test_a_paused_mailing_waits_for_nobody_but_you(sending: Sending) -> None:
    sending.own_lane(sending.site("google.com", "gmail"))
    Mailing.objects.update(state=Mailing.State.PAUSED)
    sending.mailing.refresh_from_db()
    assert sending.told() == []


def test_the_page_and_the_api_name_them(sending: Sending, client: Client, django_assert_max_num_queries: Any) -> None:
    client.force_login(
        make_member(sending.world.workspace), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    sending.own_lane(sending.site("google.com", "gmail"))
    page = client.get(reverse("analytics:report", args=[sending.campaign.pk])).content.decode()
    assert "Gmail takes no mail at the moment" in page
    sending.own_lane(sending.site("docomo.ne.jp", "docomo"))
    page = client.get(reverse("analytics:report", args=[sending.campaign.pk])).content.decode()
    assert "2 providers take no mail at the moment" in page
    report = caller_of(sending.world.workspace).get(f"/campaigns/{sending.campaign.pk}/report")
    assert {closed["provider"] for closed in report["closed_providers"]} == {"gmail", "docomo"}
    for number in range(20):
        sending.own_lane(sending.site(f"mx{number}.example"))
    with django_assert_max_num_queries(3):
        assert len(closings.providers(sending.mailing)) == 22


@pytest.mark.parametrize(("language", "words"), [("en", "Gmail asked us to slow down"), ("ja", "Gmailから送信速度を")])
def test_the_page_says_who_asked_us_to_slow_down(sending: Sending, client: Client, language: str, words: str) -> None:
    site = sending.site("gmail", "gmail", closed=False)
    sending.own_lane(site)
    ask(sending, site)
    member = make_member(sending.world.workspace)
    User.objects.update(language=language)
    client.force_login(member)

    page = client.get(reverse("analytics:report", args=[sending.campaign.pk])).content.decode()

    assert words in page
    assert ("30 per minute" if language == "en" else "毎分30通") in page


def test_nobody_is_named_who_has_no_people_of_this_campaign_left(sending: Sending) -> None:
    site = sending.site("gmail", "gmail", closed=False)
    ask(sending, site)

    assert closings.slower(sending.mailing) == []


def ask(sending: Sending, site: Site) -> None:
    """A second ago, at one a second."""
    key, route = buckets.site_key(sending.world.route.pk, site.pk), sending.world.route.pk
    slowdowns.heard(Refusal(key, route, site.pk, "gmail_slowing", sent=0, taken=0, measured=1.0))


def test_who_paused_a_provider_or_a_route_is_told(sending: Sending) -> None:
    gmail = sending.site("gmail", "gmail", closed=False)
    sending.own_lane(gmail)
    sending.site("docomo", "docomo", closed=False)
    aiko = User.objects.create(email="aiko@example.com", name="Aiko")
    for key in ("gmail", "docomo"):  # of docomo nobody waits
        delivery_routes.pause_provider(sending.world.route, key, actor=aiko)
    (told,) = reports.report(sending.mailing).paused
    assert (told.key, told.route, told.by) == ("gmail", "Receiver", "Aiko")
    delivery_routes.pause(sending.world.route, actor=None)
    assert [one.key for one in closings.paused(sending.mailing)] == ["", "gmail"]


def test_the_report_says_who_paused_it_since_when(sending: Sending, client: Client) -> None:
    sending.own_lane(sending.site("gmail", "gmail", closed=False))
    aiko = User.objects.create(email="aiko@example.com", name="Aiko")
    delivery_routes.pause_provider(sending.world.route, "gmail", actor=aiko)
    client.force_login(make_member(sending.world.workspace))
    text = client.get(reverse("analytics:report", args=[sending.campaign.pk])).content.decode()
    assert "Paused for Gmail by Aiko since" in text
