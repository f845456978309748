"""A sending domain's own name in links: proved to lead to us over https, then used by new mail and served.

The CNAME alone proves nothing: without a certificate for the name no link would open. So we ask the host ourselves.
Mail that names a host stays in mailboxes, so that a host is served for good from its first proof on.
"""

from __future__ import annotations

import enum
import functools
import hmac
import http.client
import secrets
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from delivery import dns
from delivery.domain_records import Key, Status
from delivery.keyring import keyring
from delivery.models import Mailing, SendingDomain

PORT = 443
SECONDS = 5.0
MOST = 200  # octets of an answer that are read
PROOF = "/tracking-proof/"
MISSES = 2  # looks in a row without an answer until new mail goes without the name
REMEMBERED = 60  # seconds a web process keeps whether a host is served


class Https(enum.StrEnum):
    """What answered at the host."""

    OK = "ok"  # this install
    CERTIFICATE = "certificate"  # nobody with a certificate for the name
    UNREACHABLE = "unreachable"  # nobody
    STRANGER = "stranger"  # somebody else, or a proxy that does not pass the host on


def look(domain: SendingDomain, status: Status, *, port: int = PORT) -> dict[str, Any]:
    """Ask the host, if its CNAME is right, and decide whether new mail's links begin with it.

    Two looks in a row without an answer end it, a CNAME that is gone or leads elsewhere at once; a DNS that did not
    answer changes nothing. Returns what changes in `checks`: the answer, and how often in a row it was not OK.
    """
    if status is Status.UNCHECKED:
        return {}
    https = ask(domain.tracking_host, port=port) if status is Status.OK else None
    misses = 0 if https is Https.OK else domain.checks.get(Key.TRACKING, {}).get("misses", 0) + 1
    if https is Https.OK:
        _use(domain)
    elif https is None or misses >= MISSES:
        _leave(domain)
    return {"https": https, "misses": misses}


def ask(host: str, *, port: int = PORT) -> Https:
    """Who answers `https://host/`: we connect to where the CNAME leads, which is the operator's own web host.

    The host's DNS is a user's. None of its addresses is connected to, so that nobody can point us at a private one.
    """
    web_host = urlsplit(settings.TRACKING_URL).hostname or ""
    addresses = dns.look(lambda resolver: resolver.lookup_addresses(web_host))
    if not addresses:
        return Https.UNREACHABLE
    nonce = secrets.token_hex(16)
    try:
        said = _get(host, (addresses[0], port), PROOF + nonce)
    except ssl.SSLError:
        return Https.CERTIFICATE
    except OSError:
        return Https.UNREACHABLE
    except http.client.HTTPException:
        return Https.STRANGER
    return Https.OK if hmac.compare_digest(said, keyring().host_proof(host, nonce).encode()) else Https.STRANGER


def _get(host: str, address: tuple[str, int], path: str) -> bytes:
    """The body of a 200, b"" of anything else; redirects are not followed. Raises OSError, HTTPException."""
    context = ssl.create_default_context()
    with (
        socket.create_connection(address, SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        connection = http.client.HTTPConnection(host)
        connection.sock = secured
        connection.request("GET", path, headers={"Connection": "close"})
        with connection.getresponse() as response:
            return response.read(MOST) if response.status == 200 else b""


def _use(domain: SendingDomain) -> None:
    SendingDomain.objects.filter(pk=domain.pk, tracking_live_at=None).update(
        tracking_live_at=Now(), tracking_proven_at=Coalesce("tracking_proven_at", Now())
    )


@transaction.atomic
def _leave(domain: SendingDomain) -> None:
    """New mail goes without the name, and so does what is scheduled: nothing of it was written yet."""
    if SendingDomain.objects.filter(pk=domain.pk, tracking_live_at__isnull=False).update(tracking_live_at=None):
        waiting = Mailing.objects.filter(from_address__sending_domain=domain, state=Mailing.State.WAITING)
        waiting.update(tracking_url=settings.TRACKING_URL)


# Of the web process: which hosts are ours.


def serves(host: str) -> bool:
    """Whether `host` was proved once. Known for a minute; without a database no host is."""
    try:
        return _served(host, int(time.monotonic() // REMEMBERED))
    except Error:
        return False


@functools.lru_cache(maxsize=1024)
def _served(host: str, _minute: int) -> bool:
    return SendingDomain.objects.filter(tracking_host=host, tracking_proven_at__isnull=False).exists()


def leads_here(host: str) -> bool:
    """Whether `host` is the name of a sending domain that was proved, or whose CNAME was seen and that waits for it."""
    seen = Q(tracking_proven_at__isnull=False) | Q(checks__tracking__status=Status.OK)
    return SendingDomain.objects.filter(seen, tracking_host=host).exists()
