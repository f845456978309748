"""A mailing's audience becomes messages, in slices; whoever is left out gets an exclusion with the reason.

One pass over the audience by contact id. Every lane has a block of ids, so that each lane's run is one range whatever
the order of the contacts. The cursor moves in the slice's own transaction: a slice that is cut off leaves nothing.

Where a warm-up plan lets only some through each day there are two passes, first for those who read our mail: they have
the lower ids of each lane, and so are leased first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from contacts.addresses import Address, parse
from delivery import warmups
from delivery.models import Domain, Mailing, Message, Run, Tally
from delivery.queue import events, ids, lanes, waves
from delivery.queue.audience import JUDGED_SLICE, SUPPRESSION, parameters_of

SLICE = 5_000
PLANNED = 100_000  # people of one step of the plan

# By the index of each list or of the set, so that a slice costs the same at the end of a long one as at its start.
_NEXT_CONTACTS = """
    (SELECT DISTINCT near.contact_id
    FROM unnest(%(lists)s::bigint[]) AS wanted(list_id), LATERAL (
        SELECT contact_id FROM contacts_subscription
        WHERE list_id = wanted.list_id AND contact_id > %(after)s ORDER BY contact_id LIMIT %(slice)s
    ) near
    ORDER BY near.contact_id LIMIT %(slice)s)
    UNION ALL
    (SELECT contact_id FROM delivery_peoplesetmember
    WHERE people_set_id = %(set)s::bigint AND contact_id > %(after)s ORDER BY contact_id LIMIT %(slice)s)
"""

_PEOPLE_BY_SITE = f"""
    WITH slice AS ({_NEXT_CONTACTS})
    SELECT d.site_id, count(*), max(slice.contact_id)
    FROM slice
    LEFT JOIN contacts_contact c ON c.id = slice.contact_id
    LEFT JOIN delivery_domain d ON d.name = c.domain
    GROUP BY d.site_id
"""

_DOMAINS = f"""
    INSERT INTO delivery_domain (name, rest_cause)
    SELECT DISTINCT c.domain, '' FROM contacts_contact c
    WHERE c.id IN ({_NEXT_CONTACTS}) AND c.domain <> '' AND NOT EXISTS (
        SELECT FROM delivery_domain d WHERE d.name = c.domain
    )
    ORDER BY 1
    ON CONFLICT DO NOTHING
"""

# Those who read our mail, in the first of two passes; in the second whoever the first did not deal with.
_EVERYBODY = ""
_READERS = "AND greatest(c.last_opened_at, c.last_clicked_at) > now() - interval '90 days'"
_OTHERS = """
    AND NOT EXISTS (SELECT FROM delivery_message m WHERE m.mailing_id = %(mailing)s AND m.contact_id = c.id)
    AND NOT EXISTS (SELECT FROM delivery_exclusion e WHERE e.mailing_id = %(mailing)s AND e.contact_id = c.id)
"""

_SLICE = f"""
    WITH slice AS ({_NEXT_CONTACTS}),
    lane AS (
        SELECT * FROM jsonb_to_recordset(%(lanes)s::jsonb) AS l(lane text, site_id bigint, next bigint)
    ), judged AS (
        SELECT c.id, c.address, d.id AS domain_id, coalesce(own.lane, %(rest)s) AS lane, {JUDGED_SLICE} AS reason
        FROM slice
        JOIN contacts_contact c ON c.id = slice.contact_id AND c.workspace_id = %(workspace)s
        LEFT JOIN delivery_domain d ON d.name = c.domain
        LEFT JOIN lane own ON own.site_id = d.site_id
        {SUPPRESSION}
        WHERE true {{whom}}
    ), left_out AS (
        INSERT INTO delivery_exclusion (mailing_id, contact_id, reason)
        SELECT %(mailing)s, id, reason FROM judged WHERE reason IS NOT NULL ORDER BY id
        ON CONFLICT DO NOTHING
        RETURNING reason
    ), numbered AS (
        SELECT judged.*, row_number() OVER (PARTITION BY lane ORDER BY id) - 1 AS n FROM judged WHERE reason IS NULL
    ), made AS (
        INSERT INTO delivery_message (id, mailing_id, contact_id, rcpt, domain_id, state, attempts)
        SELECT lane.next + n, %(mailing)s, numbered.id, address, domain_id, 0, 0
        FROM numbered JOIN lane USING (lane) ORDER BY 1
        ON CONFLICT (mailing_id, contact_id) WHERE contact_id IS NOT NULL DO NOTHING
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM slice),
        (SELECT max(contact_id) FROM slice),
        (SELECT count(*) FROM made),
        (SELECT coalesce(jsonb_object_agg(reason, n), '{{{{}}}}') FROM (
            SELECT reason, count(*) AS n FROM left_out GROUP BY reason) r),
        (SELECT coalesce(jsonb_object_agg(lane, n), '{{{{}}}}') FROM (
            SELECT lane, count(*) AS n FROM numbered GROUP BY lane) l)
"""


_SLICES = {
    name: _SLICE.format(whom=whom)
    for name, whom in (("everybody", _EVERYBODY), ("readers", _READERS), ("others", _OTHERS))
}


class BadAddress(ValueError):
    """A typed address that is none; the argument names it."""


def expand(mailing_id: int, size: int = SLICE) -> bool:
    """One slice of a mailing that is being expanded. True while there is more to do."""
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().filter(pk=mailing_id, state=Mailing.State.EXPANDING).first()
        if mailing is None:
            return False
        if "lanes" not in mailing.expansion_cursor:
            _plan(mailing, size)
            return True
        if _expand_slice(mailing, size) or _others_follow(mailing):
            return True
        _begin_sending(mailing)
        return False


def expand_rcpts(mailing: Mailing, rcpts: Sequence[str]) -> None:
    """Typed addresses: a few, so that they are queued at once and the mailing sends. Raises BadAddress."""
    found = [_parsed(rcpt) for rcpt in rcpts]
    domains = {
        name: Domain.objects.get_or_create(name=name)[0] for name in sorted({address.domain for address in found})
    }
    first = ids.reserve(max(1, len(found)))
    Message.objects.bulk_create(
        Message(id=first + n, mailing=mailing, rcpt=address.address, domain=domains[address.domain])
        for n, address in enumerate(found)
    )
    one = lanes.one_lane(mailing.routes.values_list("kind", flat=True))
    _open_run(mailing, lanes.ALL if one else lanes.MIXED, None, first, first + len(found) - 1)
    mailing.matched = mailing.expanded = len(found)
    mailing.save(update_fields=["matched", "expanded"])
    _begin_sending(mailing)


@transaction.atomic
def abandon(mailing_id: int) -> None:
    """A mailing was stopped while it expanded: those who were made get their runs, so that they can be cancelled."""
    mailing = Mailing.objects.select_for_update().get(pk=mailing_id)
    if mailing.state == Mailing.State.STOPPED and mailing.started_at is None:
        _open_runs(mailing)


def _parsed(rcpt: str) -> Address:
    address = parse(rcpt)
    if not isinstance(address, Address):
        raise BadAddress(rcpt)
    return address


def _plan(mailing: Mailing, size: int) -> None:
    """Count the next people by site; when all are counted, cut the lanes and reserve a block of ids for each.

    In steps, since a count of ten million holds back everybody who needs old rows gone. Those who will be left out are
    counted too: an id more costs nothing.
    """
    plan: dict[str, Any] = mailing.expansion_cursor.get("plan", {"after": 0, "sites": []})
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_BY_SITE, _audience(mailing) | {"after": plan["after"], "slice": PLANNED})
        rows = cursor.fetchall()
    counts: dict[int | None, int] = dict(plan["sites"])
    for site, number, last in rows:
        counts[site] = counts.get(site, 0) + number
        plan["after"] = max(plan["after"], last)
    if sum(number for _, number, _ in rows) < PLANNED:
        mailing.expansion_cursor = _cut(mailing, counts, size)
    else:
        mailing.expansion_cursor = {"plan": {"after": plan["after"], "sites": list(counts.items())}}
    mailing.save(update_fields=["expansion_cursor"])


def _cut(mailing: Mailing, counts: Mapping[int | None, int], size: int) -> dict[str, Any]:
    """The cursor before the first slice."""
    one = lanes.one_lane(mailing.routes.values_list("kind", flat=True))
    planned = lanes.plan(counts, one_lane=one)
    # The audience may grow until the pass is over: a slice's worth of ids more costs nothing.
    first = ids.reserve(sum(lane.people + size for lane in planned))
    open_lanes: dict[str, list[int | None]] = {}
    for lane in planned:
        open_lanes[lane.name] = [lane.site_id, first, first, first + lane.people + size - 1]
        first += lane.people + size
    return {"after": 0, "rest": planned[-1].name, "lanes": open_lanes, "pass": _first_pass(mailing)}


def _first_pass(mailing: Mailing) -> str:
    route = mailing.routes.order_by("mailingroute__order").values_list("pk", flat=True).first()
    return "readers" if warmups.warming(route) else "everybody"


def _others_follow(mailing: Mailing) -> bool:
    """After those who read our mail: from the beginning again, for everybody else."""
    if mailing.expansion_cursor.get("pass") != "readers":
        return False
    mailing.expansion_cursor |= {"after": 0, "pass": "others"}
    mailing.save(update_fields=["expansion_cursor"])
    return True


def _audience(mailing: Mailing) -> dict[str, Any]:
    return {"mailing": mailing.pk} | parameters_of(
        mailing.workspace_id, mailing.include_lists, mailing.exclude_lists, mailing.people_set_id, mailing.pk
    )


def _expand_slice(mailing: Mailing, size: int) -> bool:
    """True if there were people. A lane in the cursor is [site, first id, next id, last id of its block]."""
    cursor_at: dict[str, Any] = mailing.expansion_cursor
    _make_room(mailing, size)
    parameters = _audience(mailing) | {
        "after": cursor_at["after"],
        "rest": cursor_at["rest"],
        "slice": size,
        "lanes": json.dumps(
            [{"lane": name, "site_id": site, "next": next_} for name, (site, _, next_, _) in cursor_at["lanes"].items()]
        ),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DOMAINS, parameters)
        cursor.execute(_SLICES[cursor_at.get("pass", "everybody")], parameters)
        seen, after, made, left_out, by_lane = cursor.fetchone()
    if not seen:
        return False
    _note(mailing, after, made, _json(left_out), _json(by_lane))
    return True


def _json(value: Any) -> dict[str, int]:
    """Django reads a jsonb of raw SQL as text."""
    return dict(json.loads(value)) if isinstance(value, str) else dict(value)


def _note(mailing: Mailing, after: int, made: int, left_out: dict[str, int], by_lane: dict[str, int]) -> None:
    mailing.expansion_cursor["after"] = after
    for name, number in by_lane.items():
        mailing.expansion_cursor["lanes"][name][2] += number
    mailing.matched += made + sum(left_out.values())
    mailing.expanded += made
    mailing.save(update_fields=["expansion_cursor", "matched", "expanded"])
    for reason, number in sorted(left_out.items()):
        Tally.add(mailing.pk, f"excluded.{reason}", number)


def _make_room(mailing: Mailing, size: int) -> None:
    """A lane whose block could overflow with this slice (its audience grew) goes on in a new run."""
    for name, lane in mailing.expansion_cursor["lanes"].items():
        site, first, next_, last = lane
        if last - next_ + 1 < size:
            _open_run(mailing, name, site, first, next_ - 1)
            start = ids.reserve(2 * size)
            lane[1:] = [start, start, start + 2 * size - 1]


def _open_run(mailing: Mailing, lane: str, site: int | None, first: int, last: int) -> None:
    if last >= first:
        Run.objects.create(mailing=mailing, lane=lane, site_id=site, first=first, last=last, cursor=first)


def _open_runs(mailing: Mailing) -> None:
    for name, (site, first, next_, _) in mailing.expansion_cursor.pop("lanes", {}).items():
        _open_run(mailing, name, site, first, next_ - 1)
    mailing.save(update_fields=["expansion_cursor"])


def _begin_sending(mailing: Mailing) -> None:
    """Paused at once if its domain was taken out of service meanwhile: the people are there, and nothing leaves.

    Or for the reason that somebody has given while it was prepared.
    """
    _open_runs(mailing)
    waves.cut(mailing)
    now = timezone.now()
    why = mailing.pause_reason
    after, paused_at = (Mailing.State.PAUSED, now) if why or not mailing.may_leave else (Mailing.State.SENDING, None)
    events.state_changed(mailing, after, why=why)
    mailing.state, mailing.started_at, mailing.paused_at = after, now, paused_at
    mailing.pause_reason = why or ("manual" if paused_at else "")
    mailing.save(update_fields=["state", "started_at", "paused_at", "pause_reason", "wave_over_at"])
