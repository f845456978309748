from __future__ import annotations

from collections import Counter

import pytest

from accounts.models import Workspace
from contacts import counts, sample, subscriptions
from contacts.addresses import Address, parse
from contacts.models import Contact, List, Subscription, Suppression


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_sample_is_500_people_whose_address_says_what_happens(language: str) -> None:
    made = sample.people(language)
    kinds = Counter(person.address.partition("+")[0] if "+" in person.address else "plain" for person in made)
    assert kinds == {"plain": 470, "defer": 20, "bounce": 10}
    parsed = [parse(person.address) for person in made]
    assert all(isinstance(found, Address) and found.key == found.address for found in parsed)
    assert len({person.address for person in made}) == 500
    assert Counter(person.language for person in made).most_common(1)[0][0] == language
    assert made == sample.people(language)


def test_loading_twice_adds_nobody_twice_and_removing_leaves_nothing(workspace: Workspace, hanako: Contact) -> None:
    assert sample.load(workspace) == 500
    assert sample.load(workspace) == 0
    assert Subscription.objects.filter(list__name="Sample people").count() == 500
    assert counts.people(workspace) == counts.People(501, 0)
    gone = Contact.objects.filter(sample=True)[0]
    subscriptions.suppress(workspace, gone.address_key, "no_such_user", source="reply")

    assert sample.remove(workspace) == 500
    assert not sample.loaded(workspace)
    assert list(Contact.objects.of(workspace)) == [hanako]
    assert not Suppression.objects.exists() and not List.objects.exists()
    assert counts.people(workspace) == counts.People(1, 0)
