"""People of a mailing by outcome, at any size: keyset pages over small side tables, never a scan of the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from contacts.models import Contact
from delivery import providers
from delivery.models import Exclusion, Mailing, MessageState

PAGE = 50
LOOKED_AT = 20_000  # people a page of one provider looks through: it costs the same however few of them are there

# Outcome → the state whose side rows answer it.
BY_EXCEPTION = {
    "bounced": MessageState.DELIVERED,
    "retrying": MessageState.DEFERRED,
    "failed": MessageState.FAILED,
    "unknown": MessageState.UNCERTAIN,
    "held": MessageState.HELD,
    "not_sent": MessageState.CANCELLED,
}
OUTCOMES = ("delivered", *BY_EXCEPTION, "waiting", "excluded")
OF_STATE = {state: outcome for outcome, state in BY_EXCEPTION.items()} | {
    MessageState.QUEUED: "waiting",
    MessageState.DELIVERED: "delivered",
}

_SHOWN = """
    SELECT m.id, m.rcpt, m.state, m.cause, m.attempts, c.first_name, c.last_name, c.id AS contact_id, s.provider,
        d.name AS domain, f.due_at
    FROM page JOIN delivery_message m ON m.id = page.id
    LEFT JOIN contacts_contact c ON c.id = m.contact_id
    JOIN delivery_domain d ON d.id = m.domain_id
    LEFT JOIN delivery_site s ON s.id = d.site_id
    LEFT JOIN delivery_deferral f ON f.message_id = m.id
    ORDER BY m.id
"""
# Runs are ranges of ids: who was leased stands before a run's cursor, who waits from it on. So neither page walks over
# the people of the other.
_BY_RUN = """
        SELECT near.id FROM delivery_run r, LATERAL (
            SELECT id FROM delivery_message
            WHERE mailing_id = %(mailing)s AND state = {state}
                AND id BETWEEN greatest({first}, %(after)s + 1) AND {last}
            ORDER BY id LIMIT %(limit)s
        ) near
        WHERE r.mailing_id = %(mailing)s"""
# Who was given back untouched waits in a deferral, behind the run's cursor.
_GIVEN_BACK = """
        (SELECT m.id FROM delivery_deferral f JOIN delivery_message m ON m.id = f.message_id AND m.state = 0
        WHERE f.mailing_id = %(mailing)s AND f.message_id > %(after)s ORDER BY m.id LIMIT %(limit)s)"""
# DISTINCT, since a range that was given back has a run of its own within the range of the run it came from.
_DELIVERED = f"""
    WITH found AS ({_BY_RUN.format(first="r.first", last="r.cursor - 1", state=2)}
    ), page AS (SELECT DISTINCT id FROM found ORDER BY id LIMIT %(limit)s){_SHOWN}
"""
_WAITING = f"""
    WITH found AS ({_BY_RUN.format(first="r.cursor", last="r.last", state=0)}
        UNION{_GIVEN_BACK}
    ), page AS (SELECT DISTINCT id FROM found ORDER BY id LIMIT %(limit)s){_SHOWN}
"""
_LOOKED_AT = """
        SELECT message_id FROM delivery_messageexception
        WHERE mailing_id = %(mailing)s AND state = %(state)s AND message_id > %(after)s
            AND (%(cause)s = '' OR cause = %(cause)s)
        ORDER BY message_id LIMIT %(look)s"""
# Needs m (delivery_message) and `of_provider`. The MX tells the provider; where nobody asked for it, the domain does.
OF_PROVIDER = """(%(provider)s = '' OR EXISTS (
            SELECT FROM delivery_domain d LEFT JOIN delivery_site s ON s.id = d.site_id
            WHERE d.id = m.domain_id AND CASE WHEN coalesce(s.provider, '') <> '' THEN s.provider = %(provider)s
                ELSE (d.name = ANY(%(domains)s)) = %(named)s END))"""
_EXCEPTIONS = f"""
    WITH looked_at AS ({_LOOKED_AT}
    ), page AS (
        SELECT m.id FROM looked_at JOIN delivery_message m ON m.id = message_id
        WHERE {OF_PROVIDER} ORDER BY m.id LIMIT %(limit)s
    ){_SHOWN}
"""
_LOOKED_TO = f"SELECT count(*), max(message_id) FROM ({_LOOKED_AT}) looked_at"
_EXCLUDED = """
    SELECT e.id, c.address AS rcpt, e.reason, c.first_name, c.last_name, c.id AS contact_id
    FROM (
        SELECT id, contact_id, reason FROM delivery_exclusion
        WHERE mailing_id = %(mailing)s AND id > %(after)s AND (%(cause)s = '' OR reason = %(cause)s)
        ORDER BY id LIMIT %(limit)s
    ) e LEFT JOIN contacts_contact c ON c.id = e.contact_id ORDER BY e.id
"""


@dataclass(frozen=True)
class Person:
    """One row. `message` is None for somebody who was left out; `cause` is then the reason."""

    message: int | None
    rcpt: str
    name: str
    contact: int | None
    state: str
    cause: str
    attempts: int = 0
    provider: str = ""
    due_at: Any = None


@dataclass(frozen=True)
class Page:
    people: list[Person]
    after: int | None  # ?after= of the next page


def people(
    mailing: Mailing, outcome: str, *, cause: str = "", provider: str = "", after: int = 0, limit: int = PAGE
) -> Page:
    """One page of an outcome; `provider` is a key of `providers` or OTHER, for an outcome of BY_EXCEPTION.

    A page of one provider may have few people, or nobody, and still not be the last. Raises KeyError for an outcome
    that there is not.
    """
    sql, state = _query(outcome)
    parameters: dict[str, Any] = {
        "mailing": mailing.pk,
        "after": after,
        "limit": limit + 1,
        "look": LOOKED_AT if provider else limit + 1,
        "state": state,
        "cause": cause,
    } | of_provider(provider)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        more = rows[limit - 1]["id"] if len(rows) > limit else None
        if provider and more is None and outcome in BY_EXCEPTION:
            cursor.execute(_LOOKED_TO, parameters)
            seen, last = cursor.fetchone()
            more = last if seen == LOOKED_AT else None
    return Page([_person(row, outcome) for row in rows[:limit]], more)


def of_provider(provider: str) -> dict[str, Any]:
    """The parameters of OF_PROVIDER: a key of `providers`, OTHER, or "" for all."""
    named = providers.named()
    if provider == providers.OTHER:
        everyone = [domain for one in named.values() for domain in one.domains]
        return {"provider": provider, "domains": everyone, "named": False}
    return {"provider": provider, "domains": list(named[provider].domains) if provider else [], "named": True}


def _query(outcome: str) -> tuple[str, int]:
    if outcome in BY_EXCEPTION:
        return _EXCEPTIONS, BY_EXCEPTION[outcome]
    return {"delivered": _DELIVERED, "waiting": _WAITING, "excluded": _EXCLUDED}[outcome], 0


def _person(row: dict[str, Any], outcome: str) -> Person:
    name = Contact(first_name=row["first_name"] or "", last_name=row["last_name"] or "").name
    if outcome == "excluded":
        reason = str(Exclusion.Reason(row["reason"]).label)
        return Person(None, row["rcpt"] or _("Erased address"), name, row["contact_id"], "excluded", reason)
    return Person(
        message=row["id"],
        rcpt=row["rcpt"] or _("Erased address"),
        name=name,
        contact=row["contact_id"],
        state=outcome
        if outcome not in ("waiting", "not_sent")
        else {"waiting": "queued", "not_sent": "cancelled"}[outcome],
        cause=row["cause"] or "",
        attempts=row["attempts"],
        provider=row["provider"] or row["domain"],
        due_at=row["due_at"],
    )


@dataclass(frozen=True)
class Said:
    """The last reply about one person, as it came."""

    message: int
    rcpt: str
    at: Any
    code: int | None
    reply: str


_REPLIES = """
    SELECT e.message_id, m.rcpt, a.at, a.code, coalesce(a.reply, '')
    FROM (
        SELECT message_id FROM delivery_messageexception
        WHERE mailing_id = %(mailing)s AND state = %(state)s AND message_id > %(after)s
            AND (%(cause)s = '' OR cause = %(cause)s)
        ORDER BY message_id LIMIT %(limit)s
    ) e JOIN delivery_message m ON m.id = e.message_id
    LEFT JOIN LATERAL (
        SELECT at, code, reply FROM delivery_attempt WHERE message_id = e.message_id AND code IS NOT NULL
        ORDER BY id DESC LIMIT 1
    ) a ON true
    ORDER BY e.message_id
"""


def replies(mailing: Mailing, outcome: str, *, cause: str, after: int = 0) -> tuple[list[Said], int | None]:
    """One page of raw replies, and where the next one begins. Raises KeyError for an outcome without replies."""
    state = BY_EXCEPTION[outcome]
    parameters: dict[str, Any] = {
        "mailing": mailing.pk,
        "state": state,
        "after": after,
        "cause": cause,
        "limit": PAGE + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REPLIES, parameters)
        rows = [Said(row[0], row[1] or _("Erased address"), *row[2:]) for row in cursor.fetchall()]
    return rows[:PAGE], rows[PAGE - 1].message if len(rows) > PAGE else None
