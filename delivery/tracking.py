"""Opens, clicks and unsubscribes that come back from sent mail. Only a valid token gets here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from contacts import subscriptions
from contacts.models import Contact, List
from delivery import copies, events, machines
from delivery.models import Attempt, Event, Link, Mailing, Message, MessageState
from delivery.queue import late
from delivery.tokens import UnsubscribeToken, WebToken


@dataclass(frozen=True)
class Reader:
    """Who holds an unsubscribe token, and the mailing it came with. A test's reader is nobody."""

    contact: Contact | None
    mailing: Mailing

    @property
    def test(self) -> bool:
        return self.contact is None

    def lists(self) -> list[List]:
        """The lists that this mailing was sent to and the person still takes."""
        if self.contact is None:
            return []
        mine = self.contact.subscriptions.filter(state="subscribed").values("list_id")
        wanted = List.objects.of(self.mailing.workspace_id).filter(pk__in=self.mailing.include_lists)
        return list(wanted.filter(pk__in=mine).order_by("name"))


def opened(token: WebToken, user_agent: str) -> None:
    """Record an open. Nothing happens when the message is gone."""
    message = _message(token)
    if message is None:
        return
    machine = machines.label(machines.Visit(user_agent, _since_delivery(message)), click=False)
    with transaction.atomic():
        late.arrived(message)
        _append(Event.Kind.OPEN, message, machine)
        if machine is None:
            Contact.objects.filter(messages=message).update(last_opened_at=timezone.now())


def target(token: WebToken, number: int) -> str | None:
    """The address of a link of that mailing, also long after the message is gone."""
    found = Link.objects.filter(content__mailings=token.mailing_id, number=number).values_list("url", flat=True)
    return found.first()


def clicked(token: WebToken, number: int, user_agent: str) -> None:
    message = _message(token)
    if message is None:
        return
    visit = machines.Visit(user_agent, _since_delivery(message), _other_links(message, number))
    machine = machines.label(visit, click=True)
    with transaction.atomic():
        late.arrived(message)
        _append(Event.Kind.CLICK, message, machine, link=number)
        if machine is None:
            Contact.objects.filter(messages=message).update(last_clicked_at=timezone.now())


def _append(kind: Event.Kind, message: Message, machine: str | None, link: int | None = None) -> None:
    events.append(
        kind,
        workspace_id=message.mailing.workspace_id,
        mailing_id=message.mailing_id,
        message_id=message.pk,
        contact_id=message.contact_id,
        link=link,
        machine=machine,
    )


def letter(token: WebToken) -> str | None:
    """The HTML of the reader's own copy, without the open pixel; None when the message is gone."""
    message = _message(token)
    built = copies.copy_of(message, timezone.now()) if message else None
    return copies.without_pixel(built.part("html")) if built else None


def reader(token: UnsubscribeToken) -> Reader | None:
    """None when the mailing or the person is gone."""
    mailing = Mailing.objects.select_related("workspace").filter(pk=token.mailing_id).first()
    if mailing is None:
        return None
    if not token.contact_id or mailing.kind == Mailing.Kind.TEST:
        return Reader(None, mailing)
    contact = Contact.objects.of(mailing.workspace_id).filter(pk=token.contact_id).first()
    return Reader(contact, mailing) if contact else None


@transaction.atomic
def unsubscribe(who: Reader, *, source: str, everything: bool = False) -> bool:
    """Off the lists of this mailing, or off everything. Idempotent; False when nothing changed."""
    if who.contact is None:
        return False
    lists = None if everything else who.lists()
    changed = subscriptions.unsubscribe(who.contact, lists, source=source, mailing_ref=str(who.mailing.pk))
    return _left(who, changed, everything=everything)


@transaction.atomic
def set_preferences(who: Reader, wanted: list[int]) -> bool:
    """The person's choice among the public lists. Leaving a list of this mailing counts as unsubscribing from it."""
    if who.contact is None:
        return False
    before = {one.pk for one in who.lists()}
    changed = subscriptions.set_preferences(who.contact, wanted, source="preferences", mailing_ref=str(who.mailing.pk))
    left = before - {one.pk for one in who.lists()}
    _left(who, bool(left), everything=False)
    return changed


def _left(who: Reader, changed: bool, *, everything: bool) -> bool:
    if changed and who.contact:
        message = Message.objects.filter(mailing=who.mailing, contact=who.contact).first()
        if message is not None:
            late.arrived(message)
        events.append(
            Event.Kind.UNSUBSCRIBE,
            workspace_id=who.mailing.workspace_id,
            mailing_id=who.mailing.pk,
            message_id=message.pk if message else None,
            contact_id=who.contact.pk,
            detail={"everything": everything},
        )
    return changed


def _message(token: WebToken) -> Message | None:
    rows = Message.objects.select_related("mailing").filter(pk=token.message_id, mailing=token.mailing_id)
    return rows.exclude(mailing__kind=Mailing.Kind.TEST).first()


def _since_delivery(message: Message) -> timedelta | None:
    at: datetime | None = (
        Attempt.objects.filter(message_id=message.pk, result=MessageState.DELIVERED)
        .values_list("at", flat=True)
        .first()
    )
    return None if at is None else timezone.now() - at


def _other_links(message: Message, number: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT link) FROM delivery_event WHERE message_id = %s AND kind = 'click' AND link <> %s"
            " AND at > clock_timestamp() - %s * interval '1 second'",
            [message.pk, number, machines.SWEEP.total_seconds()],
        )
        return int(cursor.fetchone()[0])
