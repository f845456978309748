"""For which addresses the listener takes mail: it relays nothing, and bounces nothing to people who wrote nothing."""

from __future__ import annotations

import time

from django.conf import settings

from delivery.models import SendingDomain
from delivery.tokens import looks_like_return_path

FRESH_SECONDS = 30.0
ALWAYS = frozenset({"postmaster", "abuse"})  # whatever is set (RFC 5321, 4.5.1; RFC 2142, 4 and 5)


def local_part_is_ours(local: str) -> bool:
    """The shape of a return path, signed or not (what is forged is stored and shown), or a name that we have."""
    return looks_like_return_path(local) or local in ALWAYS or local in settings.LISTENER_NAMES


class Hosts:
    """Our own name and the return-path hosts of all sending domains, as of half a minute ago at most."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._until = 0.0

    def known(self, host: str) -> bool | None:
        """None when it has to be looked up first: `look`."""
        return host in self._names if time.monotonic() < self._until else None

    def look(self) -> None:
        """Asks the database. Raises its errors."""
        hosts = SendingDomain.objects.values_list("return_path_host", flat=True)
        self._names = frozenset({settings.SMTP_HOSTNAME.lower(), *hosts})
        self._until = time.monotonic() + FRESH_SECONDS
