"""Where DMARC reports come in."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone

from delivery.dmarc.attached import MAILBOX
from delivery.models import ListenerSeen, SendingDomain

LISTENS = dt.timedelta(days=1)  # a listener that says nothing for so long is gone


def address_of(domain: SendingDomain) -> str:
    """It lies below the domain, so that no receiver asks first whether we want them (RFC 9990, 4)."""
    return f"{MAILBOX}@{domain.return_path_host}"


def is_read() -> bool:
    """A listener is here that takes mail to that address."""
    seen = ListenerSeen.objects.filter(seen_at__gt=timezone.now() - LISTENS)
    return MAILBOX in settings.LISTENER_NAMES and seen.exists()
