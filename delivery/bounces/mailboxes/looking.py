"""A look into a mailbox: what is a report is taken, what is not stays as it is. Whatever breaks, nothing is lost: a
mail counts as looked at once its report is committed, and a report that is fetched twice is taken once."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from accounts import fields
from delivery.bounces import taking
from delivery.bounces.mailboxes import imap, pop3
from delivery.bounces.mailboxes.wire import Bounds, Trouble
from delivery.bounces.reading import read
from delivery.bounces.report import Kind
from delivery.dmarc import attached, storing
from delivery.models import Inlet, ReturnMailbox
from delivery.smtp.replies import clean
from delivery.tokens import looks_like_return_path

EVERY = timedelta(minutes=1)
CLAIM = timedelta(minutes=3)  # longer than any session
REPORTS = (Kind.BOUNCE, Kind.COMPLAINT)  # an automatic answer may be for the people who read this mailbox
HEAD = 64 * 1024

_TO_US = re.compile(
    rb"^(?:Delivered-To|X-Original-To|Envelope-To|X-Envelope-To|To):((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)
_ADDRESS = re.compile(r"([0-9a-z]{15}-[a-z2-7]{16})@[a-z0-9.-]{1,255}")


@dataclass
class Looked:
    """Mails that were looked at, and reports among them. `more`: time ran out first."""

    seen: int = 0
    taken: int = 0
    more: bool = False

    def enough(self, bounds: Bounds, end: float) -> bool:
        """Whether the slice ends before the next mail. One is looked at whatever the time."""
        self.more = bool(self.seen) and (time.monotonic() > end or self.seen >= bounds.fetched)
        return self.more


def look_due() -> bool:
    """A slice of each mailbox whose time has come. True when one has more.

    By one process at a time: a server that hangs holds up the other mailboxes, not all workers.
    """
    now = timezone.now()
    if ReturnMailbox.objects.filter(claimed_until__gte=now).exists():
        return False
    due = ReturnMailbox.objects.filter(enabled=True, due_at__lte=now).order_by("due_at")
    more = [look(pk) for pk in due.values_list("pk", flat=True)]
    return any(more)


def look(pk: int, bounds: Bounds | None = None) -> bool:
    """One slice, unless somebody is at it. True when there is more."""
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    if not ReturnMailbox.objects.filter(free, pk=pk).update(claimed_until=now + CLAIM):
        return False
    mailbox = ReturnMailbox.objects.get(pk=pk)
    looked = Looked()
    problem, said = "", ""
    try:
        _look(mailbox, looked, bounds or Bounds())
    except Trouble as trouble:
        problem, said, looked.more = trouble.problem, trouble.said, False
    finally:
        ended = timezone.now()
        ReturnMailbox.objects.filter(pk=pk).update(
            claimed_until=None,
            looked_at=ended,
            due_at=ended if looked.more else ended + EVERY,
            problem=problem,
            problem_said=clean(said)[:500],
        )
    return looked.more


def try_out(mailbox: ReturnMailbox) -> Trouble | None:
    """Connects, signs in, opens the folder; fetches nothing. None when all is well."""
    password = fields.reveal(mailbox, "password_sealed")
    try:
        if mailbox.protocol == ReturnMailbox.Protocol.IMAP:
            with imap.opened(mailbox, password, Bounds()):
                pass
        else:
            with pop3.opened(mailbox, password, Bounds()) as session:
                session.listing()
    except Trouble as trouble:
        return trouble
    return None


def _look(mailbox: ReturnMailbox, looked: Looked, bounds: Bounds) -> None:
    password = fields.reveal(mailbox, "password_sealed")
    end = time.monotonic() + bounds.slice_seconds
    if mailbox.protocol == ReturnMailbox.Protocol.IMAP:
        with imap.opened(mailbox, password, bounds) as store:
            _look_by_imap(mailbox, store, looked, bounds, end)
    else:
        with pop3.opened(mailbox, password, bounds) as session:
            _look_by_pop3(mailbox, session, looked, bounds, end)


def _look_by_imap(mailbox: ReturnMailbox, store: imap.Session, looked: Looked, bounds: Bounds, end: float) -> None:
    first = mailbox.uid_next if store.uid_validity == mailbox.uid_validity else 1
    for uid in store.uids(first):
        if looked.enough(bounds, end):
            return
        taken = _take(mailbox, store.fetch(uid))
        _looked_at(mailbox, looked, taken, uid_validity=store.uid_validity, uid_next=uid + 1)
        if taken:
            store.put_away(uid)
    if store.uid_next > first:
        _remember(mailbox, uid_validity=store.uid_validity, uid_next=store.uid_next)


def _look_by_pop3(mailbox: ReturnMailbox, session: pop3.Session, looked: Looked, bounds: Bounds, end: float) -> None:
    listed = {number: _digest(unique) for number, unique in session.listing().items()}
    known = set(mailbox.uidl_seen) & set(listed.values())
    try:
        for number in sorted(number for number, unique in listed.items() if unique not in known):
            if looked.enough(bounds, end):
                return
            taken = _take(mailbox, session.fetch(number))
            known.add(listed[number])
            _looked_at(mailbox, looked, taken)
            if taken and mailbox.handled == ReturnMailbox.Handled.DELETE:
                session.delete(number)
    finally:
        # Once: they may be 100,000. Whoever dies before it takes its reports again, and each is known.
        _remember(mailbox, uidl_seen=sorted(known))


def _take(mailbox: ReturnMailbox, raw: bytes) -> bool:
    """True for a report, which is committed then."""
    if not raw:
        return False
    try:
        if read(raw).kind not in REPORTS and not storing.is_about_us(attached.look(raw)):
            return False
        taking.take(raw, inlet=Inlet(mailbox.protocol), rcpt=return_path(raw), source=mailbox.name)
    except Exception as error:
        connection.close_if_unusable_or_obsolete()
        raise Trouble(ReturnMailbox.Problem.STORE, type(error).__name__) from error
    return True


def _looked_at(mailbox: ReturnMailbox, looked: Looked, taken: bool, **place: object) -> None:
    looked.seen += 1
    looked.taken += taken
    ReturnMailbox.objects.filter(pk=mailbox.pk).update(seen=F("seen") + 1, taken=F("taken") + int(taken), **place)


def _remember(mailbox: ReturnMailbox, **place: object) -> None:
    ReturnMailbox.objects.filter(pk=mailbox.pk).update(**place)


def _digest(unique: str) -> int:
    return int.from_bytes(hashlib.sha256(unique.encode()).digest()[:8], "big", signed=True)


def return_path(raw: bytes) -> str:
    """Our return path that a mail in a mailbox was delivered to, as its header tells, or "". Whoever writes it there
    without knowing it cannot have signed it."""
    for found in _TO_US.finditer(re.split(rb"\r?\n\r?\n", raw[:HEAD], maxsplit=1)[0]):
        for address in _ADDRESS.finditer(found[1].decode("latin-1").lower()):
            if looks_like_return_path(address[1]):
                return address[0]
    return ""
