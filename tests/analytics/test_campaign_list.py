"""Each row of the campaigns' list says what became of its send, with the report's figures and in a few queries."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import MailingDeed, MailingMinute
from campaigns.models import Campaign
from delivery import contents, mailings
from delivery.models import Mailing, Tally
from delivery.queue import ticks
from tests.analytics.conftest import mailing_of
from tests.delivery.queue import world as worlds

pytestmark = pytest.mark.django_db


def row_of(page: str, name: str) -> str:
    """The text of one row."""
    row = next(part for part in page.partition("<tbody>")[2].split("<tr>") if f">{name}</a>" in part)
    return re.sub(r"\s+", " ", re.sub(r"<dialog.*|<[^>]+>", " ", row.partition('<td class="act">')[0]))


def fill(mailing: Mailing, **tallies: int) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(expanded=2000)
    Tally.objects.bulk_create(Tally(mailing=mailing, name=name, n=n) for name, n in tallies.items())


def test_a_row_says_delivered_clicked_and_failed(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailing = mailing_of(campaign)
    fill(mailing, delivered=1900, failed=100)
    MailingDeed.objects.create(mailing=mailing, deed="clicked", n=95)
    Mailing.objects.update(state=Mailing.State.FINISHED, finished_at=timezone.now())
    page = reader.get("/campaigns").content.decode()
    assert "2,000 1,900 95% 95 5.0% 100" in row_of(page, "October").replace("95.0%", "95%")
    assert "data-poll" not in page


def test_a_running_row_moves_and_says_when_it_is_done(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailing = mailing_of(campaign)
    fill(mailing, delivered=740)
    now = timezone.now()
    Mailing.objects.update(started_at=now - dt.timedelta(minutes=3))
    for ago in (1, 2):
        minute = (now - dt.timedelta(minutes=ago)).replace(second=0, microsecond=0)
        MailingMinute.objects.create(mailing=mailing, minute=minute, outcome="delivered", n=370)
    page = reader.get("/campaigns?status=sending").content.decode()
    assert re.search(r"37% · \d+ per minute · done about \d\d:\d\d–\d\d:\d\d", row_of(page, "October"))
    assert '<svg class="bar"' in page and 'data-poll="/campaigns?status=sending"' in page
    moved = reader.get("/campaigns?status=sending", headers={"HX-Request": "true", "X-Poll": "1"}).content.decode()
    assert moved.startswith('<div id="rows"') and 'id="tabs"' in moved and "<html" not in moved


def test_a_paused_row_says_why_and_a_stopped_one_whom_it_left_out(reader: Client, campaign: Campaign) -> None:
    ticks.advance()
    mailings.pause(mailing_of(campaign), "login_refused")
    row = row_of(reader.get("/campaigns").content.decode(), "October")
    assert "Paused The mail server did not accept our password" in row
    mailings.stop(mailing_of(campaign))
    assert "data-poll" in reader.get("/campaigns").content.decode(), "they are still being left out"
    ticks.advance()
    page = reader.get("/campaigns").content.decode()
    assert "Stopped 2 people left out" in row_of(page, "October") and "data-poll" not in page


def test_a_page_takes_as_many_queries_as_a_row(reader: Client, campaign: Campaign) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert reader.get("/campaigns").status_code == 200
        return len(asked)

    ticks.advance()
    one = queries()
    first = mailing_of(campaign)
    for number in range(20):
        mailing = mailings.create(
            workspace=campaign.workspace,
            kind=Mailing.Kind.CAMPAIGN,
            content=contents.store(campaign.workspace, worlds.FROZEN),
            from_address=first.from_address,
            routes=list(first.routes.all()),
            include_lists=first.include_lists,
        )
        Campaign.objects.create(
            workspace=campaign.workspace, name=f"Letter {number}", mailing=mailing, state=Campaign.State.SCHEDULED
        )
    while ticks.advance():
        pass
    assert queries() == one
    assert reader.get("/campaigns").content.decode().count('data-label="Delivered"') == 21
