"""Sending domains: added, looked up in DNS, verified, switched live."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit
from delivery import dkim, dkim_keys, dns, domain_changes, mailings, spf, tracking_hosts
from delivery.dmarc.inlet import address_of, is_read
from delivery.domain_records import (
    HARMLESS,
    MAX_FOUND,
    Key,
    Mark,
    Note,
    Record,
    Status,
    candidates,
    difference,
    expected,
    judge,
    parents,
    place_of_difference,
    policies,
    removed_tags,
)
from delivery.models import DkimKey, FromAddress, Limit, Mailing, Route, SendingDomain

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import ModelForm

    from accounts.audit import Actor
    from accounts.models import User, Workspace

LOOK_AGAIN = dt.timedelta(minutes=1)  # while somebody waits for DNS
WATCHED_FOR = dt.timedelta(hours=1)
CHECKED_AT_ONCE = 3
STEADY = dt.timedelta(hours=6)  # a verified domain whose key disappears is seen within this time


class Taken(Exception):
    """Another workspace has proved that this domain is theirs."""


class CannotGoLive(Exception):
    """What is missing before mail may leave: a key of WHY_NOT_LIVE."""


WHY_NOT_LIVE = {
    "verified": _("Nothing was changed: the domain is not verified yet."),
    "https": _("Nothing was changed: TRACKING_URL must be an https address before mail may leave (RFC 8058)."),
}


@dataclass(frozen=True)
class Row:
    """One record with what the last look found."""

    number: int
    record: Record
    status: Status
    found: tuple[str, ...]
    should: list[Mark]
    now: list[Mark]
    place: int
    notes: dict[str, str]


@transaction.atomic
def add(workspace: Workspace, name: str, *, actor: Actor) -> SendingDomain:
    """A domain with a key made for it. Raises Taken."""
    if (
        SendingDomain.objects.filter(name=name, verified_at__isnull=False, sandbox=False)
        .exclude(workspace=workspace)
        .exists()
    ):
        raise Taken
    domain, new = SendingDomain.objects.get_or_create(
        workspace=workspace,
        name=name,
        defaults={"return_path_host": f"bounce.{name}", "tracking_host": f"link.{name}"},
    )
    if new:
        dkim_keys.make(domain)
        audit.record(actor, workspace, "domain.added", domain)
    return domain


def limit_of(domain: SendingDomain) -> Limit:
    """What may leave from it over all routes, new if it has none yet."""
    none = {"route": None, "site": None, "workspace": None, "sending_domain": domain}
    return Limit.objects.filter(**none).first() or Limit(**none)


def limit(form: ModelForm[Limit], *, actor: Actor) -> None:
    """Set what `limit_of` a domain says. The form is valid."""
    domain = form.save().sending_domain
    assert domain is not None
    audit.record(actor, domain.workspace, "domain.limited", domain)


def remove(domain: SendingDomain, *, actor: Actor) -> bool:
    """False while something was sent from it: its reports need it."""
    if domain.sandbox or Mailing.objects.filter(from_address__sending_domain=domain).exists():
        return False
    audit.record(actor, domain.workspace, "domain.removed", domain)
    domain.delete()
    return True


def records(domain: SendingDomain) -> list[Record]:
    key = dkim_keys.current(domain)
    if key is None:
        return []
    web_host = urlsplit(settings.TRACKING_URL).hostname or ""
    first, *others = expected(
        domain=domain.name,
        return_path=domain.return_path_host,
        # Where the install's own links begin with that name already, it needs no CNAME to itself.
        tracking=domain.tracking_host if domain.tracking_host != web_host else "",
        dkim_host=key.host,
        dkim_value=dkim.dns_record(key.public),
        mail_host=settings.SMTP_HOSTNAME,
        web_host=web_host,
        reports_to=address_of(domain) if is_read() else "",
    )
    return [first, *_other_keys(domain), *others]


def _other_keys(domain: SendingDomain) -> list[Record]:
    """While a key is being renewed there are two records."""
    waiting, former = dkim_keys.waiting(domain), dkim_keys.former(domain)[:1]
    found = [(Key.DKIM_NEXT, waiting)] if waiting else []
    found += [(Key.DKIM_FORMER, key) for key in former]
    return [Record(which, "TXT", key.host, dkim.dns_record(key.public), False) for which, key in found]


def renew_key(domain: SendingDomain, *, actor: Actor) -> bool:
    """A new key, which signs once its record is seen. False while one waits for that, or before the first one signs."""
    if domain.sandbox or domain.verified_at is None or dkim_keys.waiting(domain):
        return False
    dkim_keys.make(domain)
    audit.record(actor, domain.workspace, "domain.key_made", domain)
    return True


def _notice_keys(domain: SendingDomain) -> None:
    """The record of the key in use, or of the one that waits, is in the DNS."""
    for key in (dkim_keys.current(domain), dkim_keys.waiting(domain)):
        if key is not None and key.published_at is None:
            record = Record(Key.DKIM, "TXT", key.host, dkim.dns_record(key.public), True)
            if judge(record, _ask(key.host, "TXT")) is Status.OK and dkim_keys.published(key):
                audit.record(None, domain.workspace, "domain.key_signs", domain)


def rows(domain: SendingDomain) -> list[Row]:
    """The records as the page shows them."""
    return [_row(number, record, domain.checks.get(record.key, {})) for number, record in enumerate(records(domain), 1)]


def _row(number: int, record: Record, seen: dict[str, object]) -> Row:
    status = Status(str(seen.get("status", Status.UNCHECKED)))
    raw = seen.get("found")
    found = tuple(str(value) for value in raw) if isinstance(raw, list) else ()
    should, now = difference(record.value, found[0]) if status is Status.DIFFERENT and found else ([], [])
    place = place_of_difference(record.value, found[0]) if found else 0
    notes = seen.get("notes")
    return Row(number, record, status, found, should, now, place, notes if isinstance(notes, dict) else {})


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


def smarthosts(domain: SendingDomain) -> QuerySet[Route]:
    """Those that its workspace may use: over them its mail leaves from other people's servers."""
    return Route.objects.filter(kind=Route.Kind.SMARTHOST, workspaces=domain.workspace)


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


def go_live(domain: SendingDomain, *, by: User | None, actor: Actor) -> None:
    """Mail of this domain may leave the server. Raises CannotGoLive."""
    if domain.sandbox or domain.verified_at is None:
        raise CannotGoLive("verified")
    if not settings.TRACKING_URL.startswith("https://"):
        raise CannotGoLive("https")
    if SendingDomain.objects.filter(pk=domain.pk, live_at=None).update(live_at=timezone.now(), live_by=by):
        audit.record(actor, domain.workspace, "domain.live", domain)


@transaction.atomic
def leave_live(domain: SendingDomain, *, actor: Actor) -> None:
    """Nothing more leaves in its name: what is sending over another route than the sandbox's pauses."""
    if not SendingDomain.objects.filter(pk=domain.pk, live_at__isnull=False).update(live_at=None, live_by=None):
        return
    audit.record(actor, domain.workspace, "domain.not_live", domain)
    for mailing in Mailing.objects.filter(from_address__sending_domain=domain, state=Mailing.State.SENDING):
        if not mailing.may_leave:
            mailings.pause(mailing, mailings.MANUAL)


def remove_address(address: FromAddress, *, actor: Actor) -> bool:
    if Mailing.objects.filter(from_address=address).exists():
        return False
    audit.record(actor, address.workspace, "from_address.removed", address)
    address.delete()
    return True
