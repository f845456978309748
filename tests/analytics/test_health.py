"""Delivery health: the hourly roll-ups against the logs, and what the page makes of them."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User, Workspace
from analytics import advice, folding, health, reports, said
from analytics.groups import Group
from analytics.health import Choice
from analytics.models import HealthHour, HealthWait, MailingOutcome
from campaigns.models import Campaign
from delivery.furnishing import sandbox_route
from delivery.models import Domain, Event, Mailing, Message, MessageException, Site
from tests.analytics.test_folding import Logs, fold
from tests.factories import make_member

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def logs() -> Logs:
    return Logs()


def choice(logs: Logs, **asked: object) -> Choice:
    values = {"days": 30, "sandbox": False, "until": timezone.now(), **asked}
    return Choice(workspace=logs.world.workspace, **values)  # type: ignore[arg-type]


def folded() -> None:
    fold(folding.HEALTH)


def outcomes(**of: object) -> dict[tuple[str, str], int]:
    rows = HealthHour.objects.filter(n__gt=0, **of).values_list("outcome", "cause").annotate(people=Sum("n"))
    return {(outcome, cause): people for outcome, cause, people in rows.order_by()}


def test_whoever_moves_leaves_the_hour_in_which_they_were_counted(logs: Logs) -> None:
    message = logs.message("a@gmail.com")
    logs.outcome(message, 1, ago=2 * 3600)
    folded()
    assert outcomes() == {("retrying", "greylisted"): 1}
    logs.outcome(message, 2)
    folded()
    assert outcomes() == {("delivered", ""): 1}
    assert HealthHour.objects.filter(n__lt=0).count() == 0


def test_whoever_moves_leaves_the_provider_at_which_they_were_counted(logs: Logs) -> None:
    """Although their domain has moved to another one meanwhile."""
    old, new = logs.domain.site_id, Site.objects.create(key="outlook", provider="outlook").pk
    message = logs.message("a@gmail.com")
    logs.outcome(message, 1, site=old)
    folded()
    Domain.objects.filter(pk=logs.domain.pk).update(site=new)
    logs.outcome(message, 2, site=new)
    folded()
    rows = HealthHour.objects.exclude(n=0).values_list("provider", "outcome", "n")
    assert list(rows) == [("outlook", "delivered", 1)]


def test_the_wait_is_from_the_first_try_to_acceptance(logs: Logs) -> None:
    quick, slow = logs.message("a@gmail.com"), logs.message("b@gmail.com")
    logs.outcome(quick, 2, took_ms=400)
    logs.outcome(slow, 1, ago=3600, took_ms=1000)
    folded()
    assert HealthWait.objects.count() == 1
    logs.outcome(slow, 2, took_ms=1000)
    folded()
    figures = health.look(choice(logs)).figures
    assert (figures.waited, figures.late) == (2, 1)
    assert figures.p95 is not None and 2500 < figures.p95 < 5100


def test_who_bounced_later_is_delivered_in_every_figure_and_stands_with_the_causes(logs: Logs) -> None:
    """Of all mail, of one campaign, and in the campaign's own report alike."""
    message = logs.message("a@gmail.com")
    logs.outcome(message, 2)
    folded()
    logs.outcome(message, 101)
    fold()
    folded()
    assert outcomes() == {("bounced", "no_such_user"): 1}
    for asked in ({}, {"mailing": logs.mailing.pk}):
        made = health.look(choice(logs, **asked))
        figures = made.figures
        assert (figures.delivered, figures.bounced, figures.failed) == (1, 1, 0)
        assert (figures.tried, figures.arrived, figures.lost) == (1, 0, 1)
        assert [(row.cause, row.people) for row in made.causes] == [("no_such_user", 1)]
    Campaign.objects.create(workspace=logs.world.workspace, name="October", mailing=logs.mailing)
    Mailing.objects.update(started_at=timezone.now())
    (card,) = advice.advice(choice(logs), advice.Asked(cause="no_such_user"))
    assert [(part.failed, part.bounced) for part in card.campaigns] == [(0, 1)]
    rows = list(MailingOutcome.objects.filter(n__gt=0))
    assert {row.outcome: row.n for row in rows} == {"delivered": 1, "bounced": 1}
    assert [(row.delivered, row.failed) for row in reports.by_provider(rows)] == [(1, 0)]


def test_a_cause_names_the_campaigns_that_met_it_in_the_period_however_old_they_are(logs: Logs) -> None:
    """One that was paused for months, one whose report comes late; not one whose failures are over."""
    campaign = Campaign.objects.create(workspace=logs.world.workspace, name="Resumed", mailing=logs.mailing)
    late, over = logs.message("a@gmail.com"), logs.message("b@gmail.com")
    logs.outcome(late, 2, ago=30 * 86400)
    logs.outcome(late, 101)
    old = logs.world.mailing()
    Message.objects.filter(pk=over.pk).update(mailing=old)
    logs.outcome(over, 3, ago=20 * 86400)
    Campaign.objects.create(workspace=logs.world.workspace, name="Over", mailing=old)
    Mailing.objects.update(started_at=timezone.now() - timedelta(days=60))
    fold()
    for days, found in ((7, [campaign.mailing_id]), (30, [old.pk, campaign.mailing_id])):
        shown = advice.campaigns_of(choice(logs, days=days), "no_such_user")
        assert [one.campaign.mailing_id for one in shown] == found


def test_a_complaint_counts_once_beside_where_the_person_stands(logs: Logs) -> None:
    message = logs.message("a@yahoo.com")
    logs.outcome(message, 2)
    for _ in range(2):
        logs.event(message, Event.Kind.COMPLAINT)
        folded()
    assert outcomes() == {("delivered", ""): 1, ("complaint", ""): 1}


def test_what_never_left_the_server_is_in_no_figure(logs: Logs) -> None:
    logs.mailing.mailing_routes.update(route=sandbox_route())
    logs.outcome(logs.message("a@gmail.com"), 3)
    folded()
    assert outcomes(sandbox=False) == {}
    assert outcomes(sandbox=True) == {("failed", "no_such_user"): 1}
    assert not health.any_mail(logs.world.workspace, sandbox=False)


def test_every_sum_of_the_page_is_the_same_people(logs: Logs) -> None:
    """Causes, cells and columns of the same mail add up, whatever came after what."""
    chance = random.Random(4)
    domains = [logs.domain, *Domain.objects.bulk_create(Domain(name=f"d{n}.example") for n in range(3))]
    last = {}
    for n in range(120):
        message = logs.message(f"p{n}@gmail.com")
        Message.objects.filter(pk=message.pk).update(domain=chance.choice(domains))
        for _ in range(chance.randint(1, 3)):
            last[n] = chance.choice([1, 2, 3, 3, 4])
            logs.outcome(message, last[n], ago=chance.uniform(0, 20 * 86400))
        if last[n] == 2 and n % 3 == 0:
            last[n] = 101
            logs.outcome(message, 101)
        if n % 40 == 0:
            folded()
    folded()
    made = health.look(choice(logs))
    figures = made.figures
    assert figures.tried == 120
    assert figures.failed == list(last.values()).count(3)
    assert (figures.bounced, figures.arrived) == (list(last.values()).count(101), list(last.values()).count(2))
    assert figures.bounced and sum(row.people for row in made.causes) == figures.lost
    assert sum(column.all_lost for column in made.columns) == figures.lost
    assert sum(column.tried for column in made.columns) == figures.tried
    assert all(sum(row.trend) == row.people for row in made.causes)
    assert {row.group for row in made.causes} == {Group.ABSENT}


def test_a_period_and_a_domain_narrow_the_figures(logs: Logs) -> None:
    logs.outcome(logs.message("a@gmail.com"), 3, ago=3 * 86400)
    logs.outcome(logs.message("b@gmail.com"), 3)
    folded()
    assert health.look(choice(logs, days=1)).figures.failed == 1
    assert health.look(choice(logs)).figures.failed == 2
    assert health.look(choice(logs, domain=logs.world.from_address.sending_domain_id)).figures.failed == 2
    assert health.look(choice(logs, domain=0)).figures.failed == 0


def test_what_commits_late_is_counted_later_and_once(logs: Logs) -> None:
    early, late = logs.message("a@gmail.com"), logs.message("b@gmail.com")
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            logs.outcome(late, 3)
            written.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(10)
    logs.outcome(early, 3)
    while folding.fold(folding.HEALTH):
        pass
    assert outcomes() == {}
    may_commit.set()
    thread.join()
    folded()
    assert outcomes() == {("failed", "no_such_user"): 2}


def test_the_first_and_the_last_of_a_cause_are_known(logs: Logs) -> None:
    for address, ago in (("a@gmail.com", 7200), ("b@gmail.com", 60), ("c@gmail.com", 3600)):
        logs.outcome(logs.message(address), 3, ago=ago)
    folded()
    (row,) = health.look(choice(logs)).causes
    assert row.first_at and row.last_at
    now = timezone.now()
    assert timedelta(seconds=7190) < now - row.first_at < timedelta(seconds=7300)
    assert timedelta(seconds=50) < now - row.last_at < timedelta(seconds=160)


def reader_of(logs: Logs, client: Client) -> Client:
    client.force_login(make_member(logs.world.workspace), backend=BACKEND)
    return client


def test_the_page_explains_counts_and_leads_on(logs: Logs, client: Client) -> None:
    """In both languages, with what hostile servers say shown as text."""
    campaign = Campaign.objects.create(workspace=logs.world.workspace, name="October", mailing=logs.mailing)
    Mailing.objects.update(started_at=timezone.now())
    for n in range(60):
        message = logs.message(f"p{n}@gmail.com")
        logs.outcome(message, 3 if n < 5 else 2)
        if n > 57:
            logs.outcome(message, 101)
        if n < 5:
            Message.objects.filter(pk=message.pk).update(state=3)
            MessageException.objects.create(message=message, mailing=logs.mailing, state=3, cause="no_such_user")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_attempt SET reply = '5.1.1 <script>alert(1)</script> id-' || id WHERE result = 3"
        )
    fold()
    folded()
    reader = reader_of(logs, client)
    page = reader.get("/health").content.decode()
    figures = ("91.7%", "55 of 60", "2 of them bounced later", "5 of 60", "11.7% with those that bounced later")
    causes = ("7 people by cause: 5 failed, 2 bounced later", "This address does not exist", "×5", "▲")
    for words in (*figures, *causes, "Prepare resend"):
        assert (words in page) == (words != "Prepare resend"), words  # nobody is there to send to again
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    assert f"/mailings/{campaign.mailing_id}/people?outcome=failed&amp;cause=no_such_user" in page
    cell = reader.get("/health?group=absent&provider=gmail&days=7").content.decode()
    assert 'aria-current="true"' in cell and "7 people at Gmail" in cell
    replies = reader.get("/health/replies?cause=no_such_user").content.decode()
    assert "One of them" in replies and replies.count("<tr>") == 2
    User.objects.update(language="ja")
    japanese = reader.get("/health").content.decode()
    assert "到達状況" in japanese and "60件中55件" in japanese


@pytest.mark.parametrize("query", ["campaign=1", "domain=1", "group=none", "provider=none"])
def test_what_there_is_not_is_not_found(logs: Logs, client: Client, query: str) -> None:
    other = make_member(Workspace.objects.create(name="Other"))
    client.force_login(other, backend=BACKEND)
    assert client.get(f"/health?{query}").status_code == 404


def test_before_any_mail_the_page_says_so(logs: Logs, client: Client) -> None:
    assert "Nothing to judge yet" in reader_of(logs, client).get("/health").content.decode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.1.1 <a@b.example>: unknown 1A2B3C4D5E", "5.1.1 <xyz@c.example>: unknown 9F8E7D6C5B"),
        ("4.2.0 try  later", "4.2.0 Try later"),
    ],
)
def test_replies_that_differ_by_what_is_only_this_persons_are_one(one: str, other: str) -> None:
    assert said.pattern(one) == said.pattern(other)


def test_another_status_is_another_reply() -> None:
    assert said.pattern("5.1.1 no") != said.pattern("5.7.1 no")


def test_a_group_that_can_be_mended_is_sent_to_again(logs: Logs, client: Client) -> None:
    """From its card: a draft for just these people, offered to whoever may write one."""
    campaign = Campaign.objects.create(
        workspace=logs.world.workspace, name="October", mailing=logs.mailing, state=Campaign.State.SCHEDULED
    )
    Mailing.objects.update(started_at=timezone.now())
    for n in range(4):
        message = logs.message(f"p{n}@gmail.com")
        logs.outcome(message, 3, site=logs.domain.site_id)
        Message.objects.filter(pk=message.pk).update(state=3)
        MessageException.objects.create(message=message, mailing=logs.mailing, state=3, cause="dkim_failed")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_attempt SET cause = 'dkim_failed'")
    fold()
    folded()
    viewer = make_member(logs.world.workspace, role=Role.VIEWER)
    client.force_login(viewer, backend=BACKEND)
    assert "Prepare resend" not in client.get("/health").content.decode()
    page = reader_of(logs, client).get("/health?cause=dkim_failed&provider=gmail").content.decode()
    assert "4 people at Gmail" in page and "Prepare resend" in page and "Open the DNS records of" in page
    asked = {"outcome": "failed", "cause": "dkim_failed", "provider": "gmail"}
    assert all(f'name="{name}" value="{value}"' in page for name, value in asked.items())
    client.post(f"/campaigns/{campaign.pk}/again", asked)
    draft = Campaign.objects.exclude(pk=campaign.pk).get()
    assert draft.people_set and draft.people_set.people == 4
