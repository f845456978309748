"""DKIM keys as rows: made for a domain, sealed, opened to sign."""

from __future__ import annotations

from django.utils import timezone

from accounts import fields
from delivery.dkim import Signer, new_key
from delivery.models import DkimKey, SendingDomain


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
    """The key to sign with: the newest that is not retired."""
    return domain.dkim_keys.filter(retired_at=None).order_by("-pk").first()


def signer(domain: SendingDomain) -> Signer | None:
    key = current(domain)
    return Signer(domain.name, key.selector, fields.reveal(key, "private_sealed")) if key else None
