"""What DNS says of sending domains: looked up when it is time, kept, and a domain verified by it."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import audit
from delivery import dkim, dkim_keys, dns, domain_changes, spf, tracking_hosts
from delivery.domain_records import (
    HARMLESS,
    MAX_FOUND,
    Key,
    Note,
    Record,
    Status,
    candidates,
    judge,
    parents,
    policies,
    removed_tags,
)
from delivery.domains import records, smarthosts
from delivery.models import DkimKey, SendingDomain

LOOK_AGAIN = dt.timedelta(minutes=1)  # while somebody waits for DNS
WATCHED_FOR = dt.timedelta(hours=1)
CHECKED_AT_ONCE = 3
STEADY = dt.timedelta(hours=6)  # a verified domain whose key disappears is seen within this time


def _notice_keys(domain: SendingDomain) -> None:
    """The record of the key in use, or of the one that waits, is in the DNS."""
    for key in (dkim_keys.current(domain), dkim_keys.waiting(domain)):
        if key is not None and key.published_at is None:
            record = Record(Key.DKIM, "TXT", key.host, dkim.dns_record(key.public), True)
            if judge(record, _ask(key.host, "TXT")) is Status.OK and dkim_keys.published(key):
                audit.record(None, domain.workspace, "domain.key_signs", domain)


def check(domain: SendingDomain, *, https_port: int = tracking_hosts.PORT) -> None:
    """Look at DNS and keep what was found. All required records right: verified, from now on only in this workspace.

    Where the tracking record is right, its host is asked over https too (5 s at most).
    """
    _notice_keys(domain)
    answers = {record: _ask(record.host, record.type) for record in records(domain)}
    above = _take_from_above(answers, domain.name)
    ours = _addresses(domain)
    notes = {record.key: _notes(record, found or [], domain) for record, found in answers.items()}
    if above:
        notes[Key.DMARC][str(Note.DMARC_ABOVE)] = above
    seen = {record.key: _with(judge(record, found, ours), notes[record.key]) for record, found in answers.items()}
    now = timezone.now()
    checks = {
        str(record.key): domain.checks.get(record.key, {})
        | {"status": str(seen[record.key]), "found": list(found or ())[:5], "at": now.isoformat()}
        | {"notes": notes[record.key]}
        | ({"ours": ours} if record.key is Key.SPF else {})
        for record, found in answers.items()
    }
    domain_changes.note(domain, checks)
    kept = SendingDomain.objects.filter(pk=domain.pk)
    # Before the host is asked: its proxy may first ask us whether to get a certificate for it.
    kept.update(checks=checks, checked_at=now)
    if all(seen[record.key] is Status.OK for record in answers if record.required):
        _verify(domain, now)
    if Key.TRACKING in seen:
        checks[Key.TRACKING] |= tracking_hosts.look(domain, seen[Key.TRACKING], port=https_port)
        kept.update(checks=checks)
    domain.refresh_from_db()


def _with(status: Status, notes: dict[str, str]) -> Status:
    """A record that has the right words and does not work is not right."""
    return Status.DIFFERENT if status is Status.OK and notes.keys() - HARMLESS else status


def _notes(record: Record, found: list[str], domain: SendingDomain) -> dict[str, str]:
    """What is to be said of a record, each with the number or name that belongs in the sentence."""
    meant = candidates(record, found)
    if record.key is Key.RETURN_PATH and _ask(domain.name, "MX") == ["0 "]:
        return {str(Note.NULL_MX): domain.name}
    if record.key is Key.DMARC and len(meant) == 1 and (tags := removed_tags(meant[0])):
        return {str(Note.DMARC_REMOVED): ", ".join(tags)}
    if record.key is not Key.SPF or len(meant) != 1:
        return {}
    cost = dns.look(lambda resolver: spf.cost(resolver, record.host, meant[0][:MAX_FOUND]))
    found_out = (
        (Note.SPF_BROKEN, bool(cost.broken), ", ".join(cost.broken[:3])),
        (Note.SPF_VOID, cost.void > spf.MOST_VOID, str(cost.void)),
        (Note.SPF_LOOKUPS, cost.lookups > spf.MOST, str(spf.MOST)),
    )
    return {str(note): what for note, said, what in found_out if said}


def _verify(domain: SendingDomain, now: dt.datetime) -> None:
    """First come, first served: two workspaces cannot both prove the same domain."""
    try:
        with transaction.atomic():
            done = SendingDomain.objects.filter(pk=domain.pk, verified_at=None, sandbox=False).update(verified_at=now)
            if done:
                audit.record(None, domain.workspace, "domain.verified", domain)
    except IntegrityError:
        return


def _addresses(domain: SendingDomain) -> list[str]:
    """From where its mail leaves, as DNS says: this server, and the smarthosts that the workspace may use."""
    routes = smarthosts(domain)
    hosts = {settings.SMTP_HOSTNAME, *routes.values_list("host", flat=True)}
    own = [one for one in routes.values_list("source_address", flat=True) if one]
    return own + [address for host in sorted(hosts) for address in _of_host(host)]


def _of_host(host: str) -> list[str]:
    return dns.look(lambda resolver: resolver.lookup_addresses(host)) or []


def _ask(name: str, kind: str) -> list[str] | None:
    """The values in DNS; None when it did not answer."""
    if kind == "MX":
        return dns.look(lambda resolver: resolver.lookup_mx(name))
    if kind == "CNAME":
        return dns.look(lambda resolver: resolver.lookup_cname(name))
    return dns.look(lambda resolver: resolver.lookup_txt(name))


def _take_from_above(answers: dict[Record, list[str] | None], domain: str) -> str:
    """A parent's DMARC policy holds for a domain that has none (RFC 9989: the tree walk): whose, "" for nobody's."""
    own = next(record for record in answers if record.key is Key.DMARC)
    found = answers[own]
    if found is None or policies(found):
        return ""
    for parent in parents(domain):
        above = _ask(f"_dmarc.{parent}", "TXT") or []
        if holding := policies(above, top="." not in parent):
            answers[own] = holding
            return parent
    return ""


def due(now: dt.datetime) -> list[SendingDomain]:
    """Those to look at now: new ones every minute for an hour, verified ones every few hours.

    A tracking host that did not answer once is looked at again at once: its certificate may just be in the making.
    """
    keys = DkimKey.objects.filter(sending_domain=OuterRef("pk"), retired_at=None)
    new = Exists(keys.filter(published_at=None, created_at__gt=now - WATCHED_FOR))
    signing = Exists(keys.filter(published_at__isnull=False))
    waiting = SendingDomain.objects.filter(sandbox=False).annotate(new=new, signing=signing)
    return [domain for domain in waiting if _is_due(domain, now, new_key=domain.new and domain.signing)]


def check_due() -> None:
    """What the tick does: each look waits for DNS, so that a few are enough for one slice."""
    dkim_keys.retire()
    for domain in due(timezone.now())[:CHECKED_AT_ONCE]:
        check(domain)


def _is_due(domain: SendingDomain, now: dt.datetime, *, new_key: bool) -> bool:
    if domain.checked_at is None:
        return True
    fresh = domain.verified_at is None and now - domain.created_at < WATCHED_FOR
    seen = domain.checks.get(Key.TRACKING, {})
    fresh = fresh or new_key or (seen.get("status") == Status.OK and seen.get("misses") == 1)
    return now - domain.checked_at >= (LOOK_AGAIN if fresh else STEADY)
