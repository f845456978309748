"""The page of people by outcome: in words, for one person as for many."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from delivery.models import Exclusion, Mailing, Message, MessageState
from delivery.queue import ticks
from delivery.views.messages import VERBS
from tests.delivery.queue import world as worlds
from tests.factories import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing() -> Mailing:
    """Of one person; another one was left out."""
    world = worlds.make()
    world.people(["a@example.com"])
    made = world.mailing()
    ticks.advance()
    (person,) = world.people(["b@example.com"])
    Exclusion.objects.create(mailing=made, contact=person, reason="excluded_list")
    return made


@pytest.fixture
def sender(client: Client, mailing: Mailing) -> Client:
    client.force_login(make_member(mailing.workspace), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_people_who_were_left_out_are_shown_under_their_reason_in_words(sender: Client, mailing: Mailing) -> None:
    url = reverse("delivery:people", args=[mailing.pk])
    page = sender.get(url, {"outcome": "excluded", "cause": "excluded_list"}).content.decode()
    assert "<b>On an excluded list</b>" in page and "Show all reasons" in page and "b@example.com" in page


@pytest.mark.parametrize(
    ("people", "said"), [(1, "1 person will not get it."), (2000, "2,000 people will not get it.")]
)
def test_one_person_is_one_person(people: int, said: str) -> None:
    assert VERBS["drop"][1] % {"count": people, "n": f"{people:,}"} == said


@pytest.mark.parametrize("state", MessageState)
def test_the_way_back_from_a_message_leads_to_the_people_of_its_outcome(
    sender: Client, mailing: Mailing, state: MessageState
) -> None:
    Message.objects.filter(mailing=mailing).update(state=state)
    page = sender.get(reverse("delivery:message", args=[Message.objects.get(mailing=mailing).pk])).content.decode()
    back = page.partition('class="back" href="')[2].partition('"')[0]
    assert back.startswith(reverse("delivery:people", args=[mailing.pk])) and sender.get(back).status_code == 200
