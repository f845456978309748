"""A line of the funnel leads to the people whom it counts, or nowhere."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import audience, launching
from campaigns.models import Campaign
from contacts import search, subscriptions
from contacts.models import Contact, List, Subscription
from delivery import mailings, people
from delivery.queue import ticks


@pytest.fixture
def mixed(draft: Campaign) -> Campaign:
    """Of its people some are stopped, bounced, complained and left; all reasons but the first two also off the list."""
    rows = list(Contact.objects.of(draft.workspace).order_by("pk")[:12])
    for reason, some in {
        "manual": rows[:4],
        "no_such_user": rows[4:6],
        "full": rows[6:7],
        "complaint": rows[7:9],
    }.items():
        for person in some:
            subscriptions.suppress(draft.workspace, person.address_key, reason, source="page")
    Subscription.objects.filter(contact__in=[rows[0], rows[4], rows[9]]).update(state="unsubscribed")
    return draft


def test_every_link_of_a_draft_finds_as_many_people_as_its_line_counts(mixed: Campaign) -> None:
    lines = {line.reason: line for line in audience.funnel(mixed).lines}
    assert {"stopped", "bounced"} == {reason for reason, line in lines.items() if line.url}
    for reason in ("stopped", "bounced"):
        query = {key: value[0] for key, value in parse_qs(urlsplit(lines[reason].url).query).items()}
        assert search.find(mixed.workspace, search.Filter.of(query)).count() == lines[reason].people, reason


def test_people_of_several_lists_are_on_no_page_of_contacts(mixed: Campaign) -> None:
    other = List.objects.create(workspace=mixed.workspace, name="Other", list_id_label="other")
    mixed.include_lists = [*mixed.include_lists, other.pk]
    assert not any(line.url for line in audience.funnel(mixed).lines)


def test_once_begun_every_line_leads_to_its_people(mixed: Campaign, owner: User, signed_in: Client) -> None:
    mailing = launching.schedule(mixed, by=owner, actor=owner)
    mailings.start_now(mailing)
    ticks.advance()
    mixed.refresh_from_db()
    lines = audience.funnel(mixed).lines
    page = signed_in.get(reverse("campaigns:audience", args=[mixed.pk])).content.decode()
    assert {line.reason for line in lines} > {"stopped", "bounced"}
    for line in lines:
        assert f'href="{line.url.replace("&", "&amp;")}"' in page
        assert len(people.people(mailing, "excluded", cause=line.reason).people) == line.people
