"""People of one provider: by its MX, by its domains, and everybody else."""

from __future__ import annotations

import pytest

from delivery import people, people_sets
from delivery.models import Domain, Mailing, Message, MessageException, MessageState, PeopleSetMember, Site
from delivery.queue import ticks
from tests.delivery.queue import world as worlds

pytestmark = pytest.mark.django_db

FAILED = MessageState.FAILED


@pytest.fixture
def mailing() -> Mailing:
    """Five people at Gmail, one of them by the MX of a domain of its own, and twenty at domains without a name."""
    world = worlds.make()
    own = Site.objects.create(key="google.com", provider="gmail")
    Domain.objects.create(name="shop.example", site=own)
    world.people(f"g{n}@gmail.com" for n in range(4))
    world.people(["own@shop.example"])
    world.people(f"p{n}@d{n % 3}.example" for n in range(20))
    made = world.mailing()
    ticks.advance()
    Message.objects.update(state=FAILED, cause="mailbox_full")
    MessageException.objects.bulk_create(
        MessageException(message_id=pk, mailing=made, state=FAILED, cause="mailbox_full")
        for pk in Message.objects.values_list("pk", flat=True)
    )
    return made


def names(mailing: Mailing, provider: str, **more: int) -> list[str]:
    """Page after page."""
    found, after = [], 0
    while True:
        page = people.people(mailing, "failed", provider=provider, after=after, **more)
        found += [one.rcpt for one in page.people]
        if page.after is None:
            return found
        assert page.after > after
        after = page.after


AT_GMAIL = ["g0@gmail.com", "g1@gmail.com", "g2@gmail.com", "g3@gmail.com", "own@shop.example"]


def test_a_provider_is_known_by_the_mx_and_by_the_domain(mailing: Mailing) -> None:
    assert sorted(names(mailing, "gmail")) == AT_GMAIL
    assert len(names(mailing, "other")) == 20 and names(mailing, "yahoo_japan") == []
    assert len(names(mailing, "")) == 25


def test_pages_end_and_leave_nobody_out_however_few_are_looked_at(
    mailing: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "LOOKED_AT", 5)
    assert sorted(names(mailing, "gmail", limit=2)) == AT_GMAIL
    assert len(names(mailing, "other", limit=3)) == 20


def test_a_set_has_just_these(mailing: Mailing) -> None:
    made = people_sets.choose(mailing, FAILED, provider="gmail")
    assert (made.people, made.causes, PeopleSetMember.objects.count()) == (5, {"mailbox_full": 5}, 5)
    others = people_sets.choose(mailing, FAILED, "mailbox_full", "other")
    assert others.people == 20 and people_sets.choose(mailing, FAILED, "no_such_user", "gmail").people == 0
