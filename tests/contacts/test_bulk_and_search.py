"""Changes of many in the background, and search beyond the size where words are looked for anywhere."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts import jobs
from accounts.models import Notice, User, Workspace
from contacts import bulk, sample, search, tasks
from contacts.models import Bulk, Contact
from contacts.search import Filter
from tests.factories import make_member


@pytest.fixture
def sampled(workspace: Workspace) -> Workspace:
    sample.load(workspace)
    return workspace


def test_many_people_are_changed_by_a_job_in_slices(sampled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 100)
    monkeypatch.setattr(bulk, "SLICE", 60)
    made = bulk.start(sampled, "tag", {"tag": "autumn"}, {"filter": {"tag": ""}}, by=None, expected=500)
    assert made.job and made.state == "running"
    rounds = 0
    while bulk.advance(made.job.pk, seconds=0.0001):
        rounds += 1
    made.refresh_from_db()
    assert rounds > 3 and (made.state, made.changed) == ("done", 500)
    assert Contact.objects.filter(tags__contains=["autumn"]).count() == 500


def test_a_cancelled_change_keeps_what_it_did_and_can_be_undone(
    sampled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 100)
    monkeypatch.setattr(bulk, "SLICE", 60)
    made = bulk.start(sampled, "stop", {"note": ""}, {"filter": {}}, by=None, expected=500)
    assert made.job and bulk.advance(made.job.pk, seconds=0.0001)
    jobs.cancel(made.job)
    made = Bulk.objects.get(pk=made.pk)
    assert not bulk.is_working(made)
    assert search.how_many(sampled, Filter(state="manual")) == (made.changed, True) != (500, True)
    monkeypatch.setattr(bulk, "AT_ONCE", 500)
    assert bulk.undo(made, None)
    assert search.how_many(sampled, Filter(state="manual")) == (0, True)


def test_an_error_that_lasts_ends_the_change_which_can_be_undone(
    sampled: Workspace, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 100)
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    made = bulk.start(sampled, "tag", {"tag": "autumn"}, {"filter": {}}, by=member, expected=500)
    assert bulk.advance(made.job_id or 0, seconds=0.0001)
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_run", lambda *args: 1 / 0)
        for _try in range(jobs.TRIES):
            assert jobs.due(bulk.KIND) == [made.job_id]
            assert not bulk.advance(made.job_id or 0)
    made = Bulk.objects.select_related("job").get()
    assert made.job and made.job.state == "failed" and not bulk.is_working(made)
    assert (made.changed, Notice.objects.get(user=member).kind) == (100, "bulk.broke_off")
    client = Client()
    client.force_login(make_member(sampled), backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(reverse("contacts:bulk_result", args=[made.pk])).content.decode()
    assert "It broke off before the end." in page
    assert bulk.undo(made, member)
    while bulk.advance(Bulk.objects.get().job_id or 0):
        pass
    assert Bulk.objects.get().state == "undone" and not Contact.objects.filter(tags__contains=["autumn"]).exists()


def test_a_job_without_a_worker_is_woken_by_the_tick(sampled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 100)
    woken: list[int] = []
    monkeypatch.setattr(tasks.run_bulk, "delay", woken.append)
    made = bulk.start(sampled, "tag", {"tag": "autumn"}, {"filter": {}}, by=None, expected=500)
    tasks.tick()
    assert woken == [made.job_id]


@pytest.mark.parametrize(
    ("words", "found"), [("hanako@doc", 1), ("@docomo.example", 1), ("山", 1), ("花子 山田", 1), ("子", 0)]
)
def test_in_a_large_workspace_words_are_looked_for_at_the_beginning(
    sampled: Workspace, hanako: Contact, monkeypatch: pytest.MonkeyPatch, words: str, found: int
) -> None:
    Contact.objects.filter(sample=True).delete()
    monkeypatch.setattr(search, "SMALL", 0)
    assert search.find(sampled, Filter(q=words)).count() == found


def test_in_a_small_workspace_words_are_looked_for_anywhere(workspace: Workspace, hanako: Contact) -> None:
    hanako.fields = {"rank": "ゴールド"}
    hanako.save()
    for words in ("子", "docomo", "ゴール", "anako 山"):
        assert search.find(workspace, Filter(q=words)).get() == hanako
    assert not search.find(workspace, Filter(q="%")).exists()


def test_counting_stops_where_more_than_is_enough(sampled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "COUNTED", 100)
    assert search.how_many(sampled, Filter(state="mailable")) == (100, False)
    assert search.how_many(sampled, Filter()) == (500, True)
