"""What a mail that came back says: values only (RFC 3464, RFC 6533, RFC 5965, RFC 3834)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from delivery.knowledge import Verdict
from delivery.smtp.replies import Reply


class Kind(enum.StrEnum):
    """What such a mail is."""

    BOUNCE = "bounce"  # a delivery status notification or its free-text kin, delays included
    COMPLAINT = "complaint"  # a feedback report: the person called a mail spam, or opted out at their provider
    AUTO_REPLY = "auto_reply"  # an answer that no person wrote
    OTHER = "other"  # anything else: nothing is concluded from it


class Deed(enum.StrEnum):
    """The action-value of RFC 3464, 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report says of one address. `reply` is what their server said as far as the report tells it (code 0 where
    there is none; phase DSN where it does not say), `verdict` what that means."""

    recipient: str  # lower case, "" where the report names nobody
    action: Deed
    reply: Reply
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """One mail that came back, read. `references` are the values of X-Shirase-Ref in the part that it returns."""

    kind: Kind
    recipients: tuple[Reported, ...] = ()
    references: tuple[str, ...] = ()
    feedback_type: str = ""  # RFC 5965, 3.1: "abuse", "opt-out", …; of complaints only
