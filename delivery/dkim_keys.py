"""DKIM keys as rows: made for a domain, sealed, opened to sign, and renewed without a gap.

Two selectors overlap: the new key signs from when its record is seen, and the record of the one before stays for as
long as mail that it signed may travel.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts import fields
from delivery.dkim import Signer, new_key
from delivery.models import DkimKey, SendingDomain

# Other servers queue mail for four or five days (RFC 5321, 4.5.4.1), and some look at the signature when it is read.
KEPT = dt.timedelta(days=7)


def make(domain: SendingDomain) -> DkimKey:
    """A new key. Its selector tells when it was made, so that two keys can be in DNS at once."""
    private_pem, public = new_key()
    key = DkimKey(sending_domain=domain, selector=_selector(domain), public=public)
    fields.seal(key, "private_sealed", private_pem)
    key.save()
    return key


def _selector(domain: SendingDomain) -> str:
    """s202611, then s202611-2, …"""
    base = timezone.now().strftime("s%Y%m")
    number = domain.dkim_keys.filter(selector__startswith=base).count()
    return f"{base}-{number + 1}" if number else base


def current(domain: SendingDomain) -> DkimKey | None:
    """The key to sign with: the newest whose record was seen; before any was, the first."""
    keys = domain.dkim_keys.filter(retired_at=None, superseded_at=None).order_by("pk")
    return keys.exclude(published_at=None).last() or keys.first()


def waiting(domain: SendingDomain) -> DkimKey | None:
    """The key that is to sign once its record is seen."""
    signing = current(domain)
    newer = domain.dkim_keys.filter(retired_at=None, published_at=None)
    return newer.filter(pk__gt=signing.pk).order_by("pk").first() if signing else None


def former(domain: SendingDomain) -> list[DkimKey]:
    """Keys that sign no more, whose records must stay until `kept_until`."""
    return list(domain.dkim_keys.filter(retired_at=None, superseded_at__isnull=False).order_by("-pk"))


def kept_until(key: DkimKey) -> dt.datetime | None:
    return key.superseded_at + KEPT if key.superseded_at else None


@transaction.atomic
def published(key: DkimKey) -> bool:
    """Its record was seen: it signs from now on, and those before it no more. False if that was so already."""
    if not DkimKey.objects.filter(pk=key.pk, published_at=None).update(published_at=Now()):
        return False
    older = DkimKey.objects.filter(sending_domain=key.sending_domain_id, pk__lt=key.pk, superseded_at=None)
    older.update(superseded_at=Now())
    return True


def retire() -> int:
    """Keys whose records may go."""
    over = DkimKey.objects.filter(retired_at=None, superseded_at__lt=timezone.now() - KEPT)
    return over.update(retired_at=Now())


def signer(domain: SendingDomain) -> Signer | None:
    key = current(domain)
    return Signer(domain.name, key.selector, fields.reveal(key, "private_sealed")) if key else None
