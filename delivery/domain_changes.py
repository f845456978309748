"""What became of the records of a verified domain from one look at DNS to the next, for the log and its marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts import audit
from delivery.domain_records import Key, Status
from delivery.models import SendingDomain

WRONG = frozenset({Status.MISSING, Status.DIFFERENT})
# Those that receivers ask for when they judge our mail.
WATCHED = {Key.DKIM: "DKIM", Key.SPF: "SPF", Key.RETURN_PATH: "MX", Key.DMARC: "DMARC"}


def note(domain: SendingDomain, checks: Mapping[str, Mapping[str, Any]]) -> None:
    """`checks` is the new look, `domain.checks` the one before. A look that got no answer says nothing."""
    if domain.verified_at is None:
        return
    for key, name in WATCHED.items():
        was, now = (found.get(key, {}).get("status") for found in (domain.checks, checks))
        if was == Status.OK and now in WRONG:
            audit.record(None, domain.workspace, "domain.record_gone", domain, record=name)
        elif was in WRONG and now == Status.OK:
            audit.record(None, domain.workspace, "domain.record_back", domain, record=name)
