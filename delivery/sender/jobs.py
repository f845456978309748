"""What a lease hands to a place: a marked message, who waits for its outcome, and how the place is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from delivery.smtp.client import Endpoint

if TYPE_CHECKING:
    from delivery.queue.gate import Recipient
    from delivery.queue.outcomes import Outcome
    from delivery.sender.mailing import Sending


class Holder(Protocol):
    """The lease that a message is sent under."""

    lease: int
    deadline: float  # of the loop's clock: after it the mark may belong to somebody else
    sending: Sending
    set_rate: float  # messages a second that its limits allow; infinite if they don't limit

    def done(self, job: Job, outcome: Outcome) -> None: ...

    def closed(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Job:
    """One marked message on its way to a connection."""

    to: Recipient
    holder: Holder
    marked_at: float
    sha256: str | None = None
    dotted: bool = False
    resent: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """How to reach a place: servers in the order of preference, and what the limits say."""

    key: str  # of the bucket that closes when this place fails
    route: int
    provider: str
    sandbox: bool
    smarthost: bool
    endpoints: tuple[Endpoint, ...]
    connections: int  # of this process
    shared: tuple[tuple[str, int], ...]  # of all workers together: keys of limits, in order, and their most
    per_connection: int
    idle: float | None = None  # seconds without work until a connection is closed; None: the usual
    site: int | None = None  # of direct delivery
    sts: str = ""  # the mode of the MTA-STS policy that holds here (delivery.mta_sts)
