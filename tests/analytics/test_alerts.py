"""Alerts of a workspace: opened, shown, mailed, closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from accounts import notices
from accounts.models import Notice, Role, User
from analytics import alerts, folding, telling
from analytics.alert_words import told
from analytics.models import Alert, AlertMail, Fold, HealthHour
from campaigns.models import Campaign
from delivery.models import Bucket, ListenerSeen, Mailing, ReturnMailbox, Site
from tests.delivery.queue import world as worlds
from tests.delivery.queue.world import World
from tests.factories import make_member

pytestmark = pytest.mark.django_db
DAYTIME = datetime(2026, 11, 24, 3, tzinfo=UTC)  # noon in Tokyo
NIGHT = datetime(2026, 11, 24, 14, tzinfo=UTC)  # 23:00 there
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture(autouse=True)
def mailbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def world() -> World:
    made = worlds.make()
    made.workspace.time_zone = "Asia/Tokyo"
    made.workspace.save()
    return made


@pytest.fixture
def sender(world: World) -> User:
    make_member(world.workspace, role=Role.AUTHOR)
    return make_member(world.workspace, role=Role.SENDER, email="keiko@minori.example", language="ja")


def hours(world: World, now: datetime, *, ok: int = 400, **failed: int) -> None:
    """Mail of this hour at Gmail: people by cause."""
    HealthHour.objects.all().delete()
    for cause, n in {"": ok, **failed}.items():
        HealthHour.objects.create(
            workspace=world.workspace, sandbox=False, hour=now.replace(minute=0, second=0, microsecond=0),
            sending_domain=world.from_address.sending_domain, provider="gmail",
            outcome="failed" if cause else "delivered", cause=cause, n=n,
        )  # fmt: skip


def kinds() -> list[tuple[str, str]]:
    return list(Alert.objects.filter(closed_at=None).order_by("kind").values_list("kind", "subject"))


def test_what_is_wrong_opens_one_alert_each_and_closes_when_it_is_over(world: World, sender: User) -> None:
    hours(world, DAYTIME, dkim_failed=20, no_such_user=30)
    for minute in range(3):
        alerts.look(DAYTIME + timedelta(minutes=minute))
    assert kinds() == [("absent", ""), ("proof", "news.example.com")]
    hours(world, DAYTIME)
    alerts.look(DAYTIME + timedelta(minutes=10))
    assert len(kinds()) == 2
    alerts.look(DAYTIME + timedelta(minutes=20))
    assert kinds() == []
    assert Notice.objects.filter(user=sender).count() == 2  # when they opened
    hours(world, DAYTIME, dkim_failed=20)
    alerts.look(DAYTIME + timedelta(minutes=30))
    assert kinds() == [("proof", "news.example.com")]


def test_a_route_that_does_not_answer_is_told_to_those_who_wait_for_it(world: World) -> None:
    mailing = world.mailing()
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENDING)
    bucket = Bucket.objects.create(
        key=f"route:{world.route.pk}", closed_until=DAYTIME + timedelta(minutes=1), closings=2
    )
    alerts.look(DAYTIME)
    assert kinds() == []
    bucket.closings = 3
    bucket.save()
    alerts.look(DAYTIME)
    assert kinds() == [("route", "Receiver")]


def test_what_pauses_itself_is_told_and_what_a_person_pauses_is_not(world: World) -> None:
    mailing = world.mailing()
    other = Campaign.objects.create(workspace=world.workspace, name="October", mailing=world.mailing())
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENDING)
    site = Site.objects.create(key="gmail", provider="gmail")
    for by in ("Keiko", ""):
        key = f"route:{world.route.pk}/site:{site.pk}"
        Bucket.objects.update_or_create(key=key, defaults={"paused_at": DAYTIME, "paused_by": by})
        reason = "manual" if by else "many_blocks"
        Mailing.objects.filter(campaign=other).update(state=Mailing.State.PAUSED, pause_reason=reason)
        alerts.look(DAYTIME)
        assert kinds() == ([] if by else [("campaign", f"{other.pk}:October"), ("provider", "gmail")])
    shown = [told(one, world.workspace) for one in Alert.objects.order_by("kind")]
    assert [one.title for one in shown] == ["“October” paused itself", "Gmail is paused, since it refused your mail"]
    assert [one.url for one in shown] == [f"/campaigns/{other.pk}/report", "/settings/queue"]


def test_inlets_that_are_shut_are_told(world: World) -> None:
    seen = ListenerSeen.objects.create(name="127.0.0.1:8026", seen_at=DAYTIME - timedelta(minutes=4))
    mailbox = ReturnMailbox.objects.create(name="Bounces", host="imap.example", username="b", looked_at=DAYTIME)
    alerts.look(DAYTIME)
    assert kinds() == []
    alerts.look(DAYTIME + timedelta(minutes=2))
    assert kinds() == [("inlet", "")]
    assert "No listener" in told(Alert.objects.get(), world.workspace).detail
    seen.seen_at = DAYTIME + timedelta(minutes=3)
    seen.save()
    mailbox.problem = ReturnMailbox.Problem.SIGN_IN
    mailbox.save()
    alerts.look(DAYTIME + timedelta(minutes=3))
    assert ("inlet", "Bounces") in kinds()


def test_sandbox_mail_opens_no_alert(world: World) -> None:
    hours(world, DAYTIME, dkim_failed=100)
    HealthHour.objects.update(sandbox=True)
    alerts.look(DAYTIME)
    assert kinds() == []


def test_one_mail_an_hour_tells_all_that_is_new(world: World, sender: User) -> None:
    hours(world, DAYTIME, dkim_failed=20, no_such_user=30)
    alerts.look(DAYTIME)
    assert telling.mail(DAYTIME) == 1
    (letter,) = outbox.outbox
    assert letter.to == ["keiko@minori.example"]
    assert letter.subject.startswith("[Sora] ") and "\n" not in letter.subject
    assert "news.example.com" in letter.body and "/health?days=1&group=proof" in letter.body
    assert "アラート" in letter.subject  # as its reader reads
    assert telling.mail(DAYTIME + timedelta(minutes=2)) == 0
    hours(world, DAYTIME, dkim_failed=20, no_such_user=30, content_spam=60)
    alerts.look(DAYTIME + timedelta(minutes=3))
    assert telling.mail(DAYTIME + timedelta(minutes=3)) == 0
    assert telling.mail(DAYTIME + timedelta(minutes=61)) == 1
    assert "Gmail" in outbox.outbox[1].subject and "news.example.com" not in outbox.outbox[1].body
    assert telling.mail(DAYTIME + timedelta(hours=9)) == 0


def test_at_night_only_what_stops_all_mail_is_told(world: World, sender: User) -> None:
    hours(world, NIGHT, no_such_user=30)
    alerts.look(NIGHT)
    assert telling.mail(NIGHT) == 0
    assert telling.mail(NIGHT + timedelta(hours=8)) == 1  # 7:00
    hours(world, NIGHT, dkim_failed=20)
    alerts.look(NIGHT)
    assert telling.mail(NIGHT + timedelta(hours=9, minutes=1)) == 1


def test_whoever_wants_no_mail_gets_none(world: World, sender: User, client: Client) -> None:
    client.force_login(sender, backend=BACKEND)
    client.post("/health/mail", {"wanted": "0"})
    assert not AlertMail.objects.get().wanted
    hours(world, DAYTIME, dkim_failed=20)
    alerts.look(DAYTIME)
    assert telling.mail(DAYTIME) == 0
    client.post("/health/mail", {"wanted": "1"})
    assert telling.mail(DAYTIME) == 1


def test_it_stands_on_both_pages_and_in_the_bell(world: World, sender: User, client: Client) -> None:
    User.objects.update(language="en")
    hours(world, DAYTIME, content_spam=60)
    alerts.look(DAYTIME)
    client.force_login(sender, backend=BACKEND)
    title = "Gmail takes your mail for spam"
    for path in ("/", "/health", "/notices"):
        assert title in client.get(path).content.decode(), path
    assert "60 of 460 people there" in client.get("/").content.decode()
    assert notices.text(Notice.objects.get(user=sender)) == f"Alert: {title}"


def test_the_mail_is_a_notice_of_ours(world: World, sender: User, settings: Any) -> None:
    """So that it bears the mark of automatic mail (RFC 3834) and nobody's answer machine is asked."""
    settings.EMAIL_BACKEND = "delivery.mail.EmailBackend"
    hours(world, DAYTIME, dkim_failed=20)
    alerts.look(DAYTIME)
    assert telling.mail(DAYTIME) == 1
    (mailing,) = Mailing.objects.all()
    assert (mailing.kind, mailing.rcpts) == (Mailing.Kind.NOTICE, ["keiko@minori.example"])


def test_a_clock_that_stands_still_is_told_by_the_pages(world: World, sender: User, client: Client) -> None:
    User.objects.update(language="en")
    client.force_login(sender, backend=BACKEND)
    hours(world, DAYTIME)
    folding.fold()
    words = "The clock of the workers stands still"
    assert not any(words in client.get(path).content.decode() for path in ("/", "/health"))
    Fold.objects.update(folded_at=timezone.now() - timedelta(minutes=12))
    for path in ("/", "/health"):
        page = client.get(path).content.decode()
        assert words in page and "It last ticked 12 min ago" in page, path
