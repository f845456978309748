"""The small counters say what a count of the tables would say."""

from __future__ import annotations

from accounts.models import Workspace
from contacts import counts, subscriptions
from contacts.models import Contact, Count, List, Subscription, Suppression


def add(workspace: Workspace, *names: str) -> list[Contact]:
    return Contact.objects.bulk_create(
        Contact(workspace=workspace, address=f"{n}@m.example", address_key=f"{n}@m.example", domain="m.example")
        for n in names
    )


def agree(workspace: Workspace) -> tuple[int, int]:
    """The figures as kept; a recount must say the same."""
    lists = list(List.objects.of(workspace).values_list("pk", flat=True))
    before = counts.people(workspace), counts.suppressed(workspace), counts.members(workspace, lists)
    counts.recount(workspace.pk)
    assert before == (counts.people(workspace), counts.suppressed(workspace), counts.members(workspace, lists))
    return before[0].total, before[0].total - before[0].stopped


def test_people_come_and_go(workspace: Workspace, other_workspace: Workspace) -> None:
    add(workspace, "a", "b", "c")
    add(other_workspace, "a")
    assert agree(workspace) == (3, 3)
    Contact.objects.of(workspace).filter(address_key="a@m.example").delete()
    assert agree(workspace) == (2, 2)
    assert agree(other_workspace) == (1, 1)


def test_a_stop_counts_for_people_there_and_people_who_come_later(workspace: Workspace) -> None:
    add(workspace, "a", "b")
    subscriptions.suppress(workspace, "a@m.example", "manual", source="page")
    subscriptions.suppress(workspace, "z@m.example", "complaint", source="loop")
    assert agree(workspace) == (2, 1)
    add(workspace, "z")
    assert agree(workspace) == (3, 1)
    assert counts.suppressed(workspace) == {"manual": 1, "complaint": 1}
    subscriptions.suppress(workspace, "a@m.example", "complaint", source="loop")
    subscriptions.suppress(workspace, "b@m.example", "full", source="reply")
    subscriptions.release(workspace, "b@m.example", note="emptied")
    assert agree(workspace) == (3, 1)
    assert counts.suppressed(workspace) == {"complaint": 2}
    Suppression.objects.all().delete()
    assert agree(workspace) == (3, 3)


def test_an_erased_person_is_no_longer_counted(workspace: Workspace) -> None:
    (one, _two) = add(workspace, "a", "b")
    subscriptions.suppress(workspace, one.address_key, "erased", source="page")
    one.erased_at, one.address_key = one.created_at, "erased:1"
    one.save()
    assert agree(workspace) == (1, 1)


def test_members_of_a_list(workspace: Workspace, news: List, tea_club: List) -> None:
    for person in add(workspace, "a", "b", "c"):
        subscriptions.subscribe(person, [news], source="page")
    subscriptions.unsubscribe(person, [news], source="link")
    agree(workspace)
    assert counts.members(workspace, [news.pk, tea_club.pk]) == {
        news.pk: counts.Members(2, 1),
        tea_club.pk: counts.Members(0, 0),
    }
    Subscription.objects.filter(state="unsubscribed").delete()
    agree(workspace)
    assert counts.members(workspace, [news.pk])[news.pk] == counts.Members(2, 0)


def test_folding_keeps_the_figures_and_forgets_deleted_lists(workspace: Workspace, news: List) -> None:
    for person in add(workspace, "a", "b"):
        subscriptions.subscribe(person, [news], source="page")
    add(workspace, "c")
    counts.fold()
    assert sorted(Count.objects.values_list("key", "n")) == [("people", 3), ("subscribed", 2)]
    news.delete()
    counts.fold()
    assert list(Count.objects.values_list("key", "n")) == [("people", 3)]
    assert agree(workspace) == (3, 3)
