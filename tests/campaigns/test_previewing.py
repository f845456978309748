"""Whom the letter is shown as, and what the panel says of it."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from accounts.models import User
from campaigns import editing, previewing
from campaigns.models import Campaign, CampaignTest
from contacts.models import Contact, List


def preview(client: Client, campaign: Campaign, **query: str) -> str:
    return client.get(reverse("campaigns:preview", args=[campaign.pk]), query).content.decode()


def test_anybody_is_found_by_address_and_by_name(signed_in: Client, draft: Campaign) -> None:
    rare = Contact.objects.order_by("pk").first()  # older than all that are offered
    assert rare is not None
    Contact.objects.filter(pk=rare.pk).update(first_name="Zenobia", address="rare@zenobia.example")
    assert f'value="{rare.pk}"' not in preview(signed_in, draft)
    for words in ("zenob", "rare@zen"):
        text = preview(signed_in, draft, who=words)
        assert f'<option value="{rare.pk}" selected>' in text and f"?contact={rare.pk}&amp;" in text


def test_at_most_ten_are_offered_and_who_is_chosen_stays(signed_in: Client, draft: Campaign) -> None:
    text = preview(signed_in, draft, who="@")
    assert text.count("<option ") == 10
    oldest = Contact.objects.order_by("pk")[0]
    assert f'<option value="{oldest.pk}" selected>' in preview(signed_in, draft, contact=str(oldest.pk))


def test_words_that_nobody_bears_say_so(signed_in: Client, draft: Campaign) -> None:
    assert "Nobody matches." in preview(signed_in, draft, who="no such person at all")
    assert "Nobody matches." not in preview(signed_in, draft)


def test_values_that_are_missing_are_named_whatever_part_reads_them(
    signed_in: Client, draft: Campaign, owner: User
) -> None:
    changed = {
        "subject": "For {{ contact.in_subject }}",
        "preheader": "{{ contact.in_preview_text }}",
        "html": '<p>Hello</p><a href="https://shop.example/{{ contact.in_link }}">Shop</a>',
        "text": "{{ contact.in_text }}",
    }
    draft = editing.save(draft, draft.version, changed, owner)
    for part in ("html", "text", "source"):
        text = preview(signed_in, draft, part=part)
        line = text[text.index("This person has no value for") :].partition("</p>")[0]
        for name in ("in_subject", "in_preview_text", "in_link", "in_text"):
            assert f"<code>{name}</code>" in line


def test_the_headers_are_those_of_the_mail(draft: Campaign) -> None:
    shown = previewing.of(draft, Contact.objects.first())
    first = List.objects.get()
    assert f"{first.list_id_label}." in shown.headers and "List-Id: " in shown.headers
    assert f"Feedback-ID: 0:{draft.workspace_id}:campaign:shirase" in shown.headers


def test_a_test_is_personalised_as_the_person_chosen(signed_in: Client, draft: Campaign) -> None:
    page = signed_in.get(reverse("campaigns:send", args=[draft.pk])).content.decode()
    select = page[page.index('<select name="contact"') :].partition("</select>")[0]
    second = Contact.objects.get(pk=int(select.split('value="')[2].partition('"')[0]))
    signed_in.post(reverse("campaigns:test", args=[draft.pk]), {"to": "me@minori.example", "contact": second.pk})
    assert CampaignTest.objects.get().contact == second
