"""Sending domains: added, their records, switched live. What DNS says of them is `domain_checks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit
from delivery import dkim, dkim_keys, mailings
from delivery.dmarc.inlet import address_of, is_read
from delivery.domain_records import Key, Mark, Record, Status, difference, expected, place_of_difference
from delivery.models import FromAddress, Limit, Mailing, Route, SendingDomain

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import ModelForm

    from accounts.audit import Actor
    from accounts.models import User, Workspace


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


def smarthosts(domain: SendingDomain) -> QuerySet[Route]:
    """Those that its workspace may use: over them its mail leaves from other people's servers."""
    return Route.objects.filter(kind=Route.Kind.SMARTHOST, workspaces=domain.workspace)


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
