"""Which message a report is about: by a token that we signed and nothing else.

The address in the return path first, then X-Shirase-Ref in the part that the report returns. What a report itself says
of its recipient can be written by anybody, so it names nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from delivery.keyring import keyring
from delivery.models import Attempt, IncomingReport, Message

ACTS_FOR = timedelta(days=90)  # after the last try
_LIKE_A_TOKEN = re.compile(r"[0-9a-z]{2}[a-z2-7]{13,64}-[a-z2-7]{10,32}")

Result = IncomingReport.Result


def message_of(rcpt: str, references: Iterable[str], now: datetime) -> Message | IncomingReport.Result:
    """The message, with its mailing; or why there is none that the report could act on.

    `rcpt` is an address or a bare token. A good token wins over a bad one beside it.
    """
    why = Result.NO_TOKEN
    for token in (local_part(rcpt), *references):
        found = _message(token.lower(), now)
        if isinstance(found, Message):
            return found
        why = found if why == Result.NO_TOKEN else why
    return why


def is_signed(rcpt: str) -> bool:
    """Whether its token is one of ours; asks no database."""
    return keyring().parse_return_path(local_part(rcpt).lower()) is not None


def local_part(address: str) -> str:
    return address.strip("<> ").partition("@")[0]


def _message(token: str, now: datetime) -> Message | IncomingReport.Result:
    key = keyring().parse_return_path(token)
    if key is None:
        return Result.BAD_TOKEN if _LIKE_A_TOKEN.fullmatch(token) else Result.NO_TOKEN
    message = Message.objects.select_related("mailing", "contact").filter(pk=key).first()
    if message is None:
        return Result.GONE
    return message if now - _tried_at(message) <= ACTS_FOR else Result.EXPIRED


def _tried_at(message: Message) -> datetime:
    """Reports are no tries, lest each one gives the next one time."""
    tries = Attempt.objects.filter(message_id=message.pk, lease_id__gt=0).order_by("-at").values_list("at", flat=True)
    return tries.first() or message.mailing.started_at or message.mailing.created_at
