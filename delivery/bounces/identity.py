"""Which message a report is about: by a token that we signed and nothing else.

The address in the return path first, then X-Shirase-Ref in the part that the report returns. What a report itself says
of its recipient can be written by anybody, so it names nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from delivery.keyring import keyring
from delivery.models import IncomingReport, Mailing, Message
from delivery.queue import prepared

ACTS_FOR = timedelta(days=90)  # after the last try
_LIKE_A_TOKEN = re.compile(r"[0-9a-z]{2}[a-z2-7]{13,64}-[a-z2-7]{10,32}")

# What acting on most reports needs; the rest is read where it is asked for. Reports are no tries, lest each one gives
# the next one time. In the models' order, as from_db wants them.
_OF_MESSAGE = ("id", "mailing_id", "contact_id", "rcpt", "domain_id", "state")
_OF_MAILING = ("id", "workspace_id", "kind")
_FIND = """
    SELECT m.id, m.mailing_id, m.contact_id, m.rcpt, m.domain_id, m.state, l.workspace_id, l.kind, coalesce(
        (SELECT max(a.at) FROM delivery_attempt a WHERE a.message_id = m.id AND a.lease_id > 0),
        l.started_at, l.created_at
    )
    FROM delivery_message m JOIN delivery_mailing l ON l.id = m.mailing_id WHERE m.id = %(message)s::bigint
"""

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
    found = prepared.execute(_FIND, {"message": key})
    if not found:
        return Result.GONE
    *values, workspace, kind, tried_at = found[0]
    if now - tried_at > ACTS_FOR:
        return Result.EXPIRED
    message = Message.from_db(None, _OF_MESSAGE, values)
    message.mailing = Mailing.from_db(None, _OF_MAILING, (message.mailing_id, workspace, kind))
    return message
