"""What authors and senders can do wrong, through the pages: told with what and where, in both languages; nothing changes."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from campaigns.models import Campaign
from delivery.models import Mailing
from tests.hostile.conftest import client_of

FORM = {"kind": "html", "language": "en"}


def url(name: str, campaign: Campaign) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.pk])


LETTERS = {
    "a syntax error": ("<p>one</p>\n<p>Dear {{ contact.first_name </p>", "line 2, column", "2行目"),
    "a way out of the sandbox": ("<p>\n{{ contact.__class__.__mro__ }}</p>", "line 2", "2行目"),
    "a global of Jinja": ("<p>\n{{ cycler.__init__.__globals__.os }}</p>", "line 2", "2行目"),
    "a loop without end": (
        "<p>\n{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}x{% endfor %}{% endfor %}{% endfor %}</p>",
        "line 2", "2行目",
    ),
    "ten megabytes of output": ("<p>\n{% for a in range(1000) %}" + "x" * 10_500 + "{% endfor %}</p>", "HTML", "HTML"),
    "a power": ("<p>\n{{ 'a' * 10**9 }}</p>", "line 2", "2行目"),
    "an include": ("<p>\n{% include '/etc/passwd' %}</p>", "line 2", "2行目"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("kind", LETTERS)
def test_a_bad_letter_is_told_on_the_write_tab_and_at_the_checks_and_cannot_be_sent(
    kind: str, draft: Campaign, browser: Client, japanese: Client
) -> None:
    html, english, native = LETTERS[kind]
    Campaign.objects.filter(pk=draft.pk).update(html=html)
    for client, words in ((browser, english), (japanese, native)):
        for tab in ("write", "send"):
            page = client.get(url(tab, draft))
            assert page.status_code == 200 and words in page.content.decode(), (kind, tab)
    for name, form in (("schedule", {"when": "now"}), ("test", {"to": "ken@mail.example"})):
        answer = browser.post(url(name, draft), form, follow=True)
        assert answer.status_code == 200 and not Mailing.objects.exists(), name
    assert browser.get(url("letter", draft)).content == b""


WALLS = {  # London goes from 01:00 to 02:00 on 28 March 2027; New York has 01:30 twice on 1 November 2026
    "past": ("2026-10-20", "09:00", "Asia/Tokyo", "has passed", "過ぎた"),
    "skipped": ("2027-03-28", "01:30", "Europe/London", "the clocks go forward", "夏時間"),
    "far": ("2029-01-01", "09:00", "Asia/Tokyo", "more than a year", "1年"),
    "no zone": ("2026-12-01", "09:00", "Mars/Olympus", "valid choice", "選択"),
    "no day": ("2026-02-30", "09:00", "Asia/Tokyo", "valid date", "日付"),
}


@pytest.mark.django_db
@time_machine.travel(dt.datetime(2026, 10, 25, 12, tzinfo=dt.UTC), tick=True)
def test_an_hour_that_cannot_be_is_told_and_schedules_nothing(draft: Campaign, owner: User, japanese: Client) -> None:
    browser = client_of(owner)
    for kind, (date, time, zone, english, native) in WALLS.items():
        for client, words in ((browser, english), (japanese, native)):
            form = {"when": "later", "date": date, "time": time, "zone": zone}
            answer = client.post(url("schedule", draft), form)
            assert (answer.status_code, words in answer.content.decode()) == (422, True), (kind, words)
    assert not Mailing.objects.exists()


@pytest.mark.django_db
@time_machine.travel(dt.datetime(2026, 10, 25, 12, tzinfo=dt.UTC), tick=True)
def test_an_hour_that_comes_twice_is_its_first(draft: Campaign, owner: User) -> None:
    form = {"when": "later", "date": "2026-11-01", "time": "01:30", "zone": "America/New_York"}
    assert client_of(owner).post(url("schedule", draft), form).status_code == 302
    assert Mailing.objects.get().start_at == dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC)


@pytest.mark.django_db
def test_two_people_writing_one_campaign_lose_nothing(draft: Campaign, browser: Client, japanese: Client) -> None:
    """The second is told who was first, what differs, and keeps their own text."""
    form = FORM | {"version": draft.version}
    browser.post(url("write", draft), form | {"subject": "First"}, headers={"HX-Request": "true"})
    second = japanese.post(url("write", draft), form | {"subject": "二番目"}, headers={"HX-Request": "true"})
    page = second.content.decode()
    assert second.status_code == 409 and "Keiko" in page and "First" in page and "二番目" in page
    plain = japanese.post(url("write", draft), form | {"subject": "二番目"})
    assert plain.status_code == 409 and "二番目" in plain.content.decode()
    assert Campaign.objects.get().subject == "First"


@pytest.mark.django_db
def test_two_people_choosing_one_audience_are_told(draft: Campaign, browser: Client, japanese: Client) -> None:
    version = draft.version
    assert f'id="id_version" value="{version}"' in browser.get(url("audience", draft)).content.decode()
    browser.post(url("audience", draft), {"version": version, "include": []})
    second = japanese.post(url("audience", draft), {"version": version, "include": draft.include_lists}, follow=True)
    assert "ほかの人" in second.content.decode()
    assert Campaign.objects.get().include_lists == []


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_launch_once(draft: Campaign, owner: User) -> None:
    ready = threading.Barrier(4)
    answers = at_once(4, lambda: launched(owner, draft, ready))
    assert all(code == 302 for code in answers)
    assert Mailing.objects.count() == 1 and AuditEntry.objects.filter(action="campaign.schedule").count() == 1


def launched(owner: User, draft: Campaign, ready: threading.Barrier) -> int:
    client = Client(raise_request_exception=False)
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    ready.wait(30)
    return client.post(url("schedule", draft), {"when": "now"}).status_code


def at_once(number: int, work: Callable[[], int]) -> list[int]:
    answers: list[int] = []

    def run() -> None:
        try:
            answers.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == number
    return answers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "bad",
    ["x@mail.example>\r\nRCPT TO:<y@mail.example", "x\r\nBcc:y@mail.example", "x@mail.example\0", "x y@mail.example"],
)
def test_a_test_goes_to_no_address_that_hides_a_command(
    draft: Campaign, browser: Client, japanese: Client, bad: str
) -> None:
    for client, word in ((browser, "address"), (japanese, "アドレス")):
        answer = client.post(url("test", draft), {"to": f"ok@mail.example, {bad}"})
        assert answer.status_code == 422 and word in answer.content.decode()
        reply_to = client.post(url("write", draft), FORM | {"version": draft.version, "reply_to": bad})
        assert reply_to.status_code == 422
    assert not Mailing.objects.exists() and Campaign.objects.get().reply_to == ""


@pytest.mark.django_db
def test_a_model_s_names_with_line_breaks_reach_no_wire(draft: Campaign, browser: Client) -> None:
    """As if a form had let them pass: the freeze refuses the subject; a sender's name stops the preview and the send."""
    Campaign.objects.filter(pk=draft.pk).update(subject="Hello\r\nBcc: x@mail.example")
    browser.post(url("schedule", draft), {"when": "now"})
    assert not Mailing.objects.exists()
    Campaign.objects.filter(pk=draft.pk).update(subject="Hello all of you")
    sender = draft.from_address
    assert sender
    type(sender).objects.filter(pk=sender.pk).update(name="Minori\r\nBcc: x@mail.example")
    assert "control character" in browser.get(url("preview", draft)).content.decode()
