"""API keys: made once, shown once, kept as a hash. Format: `shr_<8 characters>_<secret of 256 bits>`."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Sequence

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, User, Workspace

LOOKS_LIKE = "shr_"
USED_EVERY = dt.timedelta(minutes=1)  # `last_used_at` is written no more often


class Scope(models.TextChoices):
    """What a program may do with a key."""

    READ = "read", _("Read contacts, campaigns, messages and reports")
    CONTACTS = "contacts", _("Add, change and import contacts and lists")
    CAMPAIGNS = "campaigns", _("Write campaigns and preview them")
    SEND = "send", _("Schedule, send, pause and stop campaigns")
    SETTINGS = "settings", _("Manage sending domains, From addresses and suppressions")
    ROUTES = "routes", _("Manage delivery routes and limits, which all workspaces share")


def create(
    workspace: Workspace,
    *,
    name: str,
    scopes: Iterable[Scope | str],
    by: User | None,
    expires_at: dt.datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """The key and its token, which nobody can read again."""
    prefix = LOOKS_LIKE + secrets.token_hex(4)
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        workspace=workspace,
        name=name,
        prefix=prefix,
        sha256=_hash(token),
        scopes=[Scope(scope).value for scope in scopes],
        created_by=by,
        expires_at=expires_at,
        allowed_networks=list(networks),
    )
    return key, token


def authenticate(token: str, address: str = "", now: dt.datetime | None = None) -> ApiKey | None:
    """The key of a token that may be used now from this client address; else None, without saying why."""
    now = now or timezone.now()
    prefix = token[: len(LOOKS_LIKE) + 8]
    key = ApiKey.objects.select_related("workspace", "created_by").filter(prefix=prefix).first()
    # Compared also when there is no such key, so that both take the same time.
    same = hmac.compare_digest(key.sha256 if key else _hash(""), _hash(token))
    if key is None or not same or not key.works(now) or not in_networks(address, key.allowed_networks):
        return None
    _note_use(key, now)
    return key


def allows(key: ApiKey, scope: Scope) -> bool:
    """Whether the key may do it. Every key may read; for routes its maker must manage the install now."""
    if scope is Scope.READ:
        return True
    return scope.value in key.scopes and (scope is not Scope.ROUTES or _manages_install(key))


def in_networks(address: str, networks: Sequence[str]) -> bool:
    """Whether the address is in one of them; no networks means everywhere."""
    if not networks:
        return True
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])  # an IPv6 zone says nothing about who is asking
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((mapped or ip) in ipaddress.ip_network(network) for network in networks)


def revoke(key: ApiKey) -> bool:
    """At once. False when it was revoked before."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))


def _manages_install(key: ApiKey) -> bool:
    maker = key.created_by
    return maker is not None and maker.is_active and maker.is_install_admin


def _note_use(key: ApiKey, now: dt.datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    if key.last_used_at is None or key.last_used_at < now - USED_EVERY:
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
