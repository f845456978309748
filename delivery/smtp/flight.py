"""One message on its way through a connection, and what becomes of it when the connection ends."""

from __future__ import annotations

from delivery.smtp.commands import Envelope
from delivery.smtp.faults import Fault
from delivery.smtp.replies import Phase, Reply


class Flight:
    """An envelope under way. `milestones` holds (time, phase, raw reply): decoded only if it matters."""

    __slots__ = ("began", "envelope", "mail", "milestones", "octets", "rcpt", "refusal")

    def __init__(self, envelope: Envelope, mail: bytes, rcpt: bytes) -> None:
        self.envelope, self.mail, self.rcpt = envelope, mail, rcpt
        self.refusal: Reply | None = None
        self.milestones: list[tuple[float, Phase, bytes]] = []
        self.began = 0.0
        self.octets = 0


def unanswered(phase: Phase, fault: Fault, reason: Reply, detail: str) -> Reply:
    """What becomes of a message whose connection ended while `phase` was awaited."""
    if phase is Phase.DOT:
        return _AFTER_DOT.get(fault, Fault.DROPPED_AFTER_DOT).reply(phase, detail)
    if fault is Fault.WITHDRAWN and not reason.synthetic:  # 421 to the message before: nothing was said about this one
        return Reply(reason.code, reason.text, reason.status, Phase.MAIL)
    return fault.reply(phase, detail)


_AFTER_DOT = {Fault.TIMEOUT: Fault.TIMEOUT_AFTER_DOT, Fault.PROTOCOL_ERROR: Fault.PROTOCOL_ERROR}
