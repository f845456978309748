"""Double opt-in: who had reported us, or bounced, has mail again by a link that is mailed to their address."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from contacts import subscriptions
from contacts.models import ConsentRecord, Contact
from contacts.subscriptions import Preferences
from delivery import contents, mail, mailings
from delivery.content.freeze import freeze
from delivery.content.source import Kind, Source
from delivery.keyring import keyring
from delivery.models import FromAddress, Mailing, Route
from delivery.tokens import ConfirmToken
from delivery.tracking import Reader

VALID = timedelta(days=7)
AGAIN = timedelta(days=1)  # nobody's mailbox is filled by who presses the button again
MOST, MOST_IN = 3, timedelta(days=30)  # nor by who comes back each day


@transaction.atomic
def ask(who: Reader, wanted: Sequence[int]) -> bool:
    """Mail the link, once a day and MOST times in MOST_IN; in the reader's language. False where there is nothing to
    confirm."""
    if who.contact is None:
        return False
    contact = Contact.objects.select_for_update().get(pk=who.contact.pk)
    now = subscriptions.preferences(contact)
    lists = [choice.list.pk for choice in now.choices if choice.list.pk in wanted]
    if not lists or not now.to_confirm or now.stop is None:
        return False
    asked = contact.consents.filter(action=ConsentRecord.Action.ASKED, at__gt=timezone.now() - MOST_IN)
    lately = asked.filter(at__gt=max(now.stop.created_at, timezone.now() - AGAIN))
    if not lately.exists() and asked.count() < MOST:
        until = timezone.now() + VALID
        token = ConfirmToken(contact.pk, who.mailing.pk, now.stop.pk, math.ceil(until.timestamp()))
        _post(who, contact, f"{reverse('delivery:confirm', args=[keyring().confirm_token(token)])}?{_query(lists)}")
        subscriptions.asked(contact, source="preferences", mailing_ref=str(who.mailing.pk))
    return True


def _query(lists: Sequence[int]) -> str:
    return urlencode([("lists", pk) for pk in lists])


def _post(who: Reader, contact: Contact, path: str) -> None:
    mailing = who.mailing
    base = mailing.tracking_url or settings.TRACKING_URL
    words = {
        "name": mailing.workspace.name, "address": contact.address, "link": base + path, "days": VALID.days,
        "stop": subscriptions.stop_of(contact),
    }  # fmt: skip
    source = Source(
        kind=Kind.NOTICE,
        subject=mail.literal(render_to_string("delivery/email/confirm_subject.txt", words).strip()),
        text=mail.literal(render_to_string("delivery/email/confirm.txt", words).strip() + "\n"),
        language=get_language() or mailing.workspace.language,
    )
    from_address, routes = _way(mailing)
    mailings.post(
        workspace=mailing.workspace,
        kind=Mailing.Kind.OPT_IN,
        content=contents.store_sealed(mailing.workspace, freeze(source)),
        from_address=from_address,
        routes=routes,
        rcpts=[contact.address],
    )


def _way(mailing: Mailing) -> tuple[FromAddress, Sequence[Route]]:
    """As the letter came, so that it is known again; if that sender may not send any more, as notices go."""
    if mailing.may_leave:
        return mailing.from_address, [row.route for row in mailing.mailing_routes.select_related("route")]
    from_address, route = mail.sender_for(mailing.workspace)
    return from_address, [route]


def what(who: Reader, token: ConfirmToken) -> Preferences | None:
    """What there is to confirm; None where the link is too old or was used, the address is another one by now, or there
    was a reason to stop it since."""
    if who.contact is None or token.until < timezone.now().timestamp():
        return None
    now = subscriptions.preferences(who.contact)
    if now.stop is None or not now.to_confirm or now.stop.pk != token.stop_id:
        return None
    return now if now.stop.created_at.timestamp() <= token.until - VALID.total_seconds() else None


@transaction.atomic
def confirm(who: Reader, token: ConfirmToken, wanted: Sequence[int]) -> bool:
    """The person has mail again, on these public lists. False where nothing changed."""
    if who.contact is None or not wanted or what(who, token) is None:
        return False
    ref = str(who.mailing.pk)
    return subscriptions.set_preferences(who.contact, wanted, source="confirmation", mailing_ref=ref, confirmed=True)
