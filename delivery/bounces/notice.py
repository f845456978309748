"""What a report says of one address, as it says it: the common form that every reader of a dialect fills."""

from __future__ import annotations

from dataclasses import dataclass

from delivery import providers
from delivery.bounces.codes import code_in, enhanced, status_in
from delivery.bounces.report import Deed, Reported
from delivery.knowledge import classify
from delivery.smtp.replies import Phase, Reply, clean

DIAGNOSTIC_LIMIT = 2048  # characters: the knowledge base looks at no more

_COMMANDS = {
    "ehlo": Phase.HELO,
    "helo": Phase.HELO,
    "mail": Phase.MAIL,
    "rcpt": Phase.RCPT,
    "data": Phase.DATA,
    "dot": Phase.DOT,
    "conn": Phase.CONNECT,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One recipient of a report, in the report's own words. Every field may be empty."""

    recipient: str = ""
    action: str = ""  # "failed" where the report does not say
    status: str = ""  # "5.1.1"
    diagnostic: str = ""  # what their server said, else what the report says itself
    code: int = 0  # where the report names it apart from the diagnostic
    host: str = ""  # who said so
    command: str = ""  # "rcpt": what it answered


def settle(notice: Notice) -> Reported:
    """The verdict on one recipient."""
    text = clean(notice.diagnostic[:DIAGNOSTIC_LIMIT])
    status = _status(notice.status, text)
    code = notice.code or code_in(text, status[:1])
    if code and status and str(code)[0] != status[0]:
        code = 0
    reply = Reply(code, text, enhanced(status), _COMMANDS.get(notice.command.lower(), Phase.DSN))
    verdict = classify(reply, provider=providers.family(notice.host))
    return Reported(notice.recipient.lower(), _deed(notice.action, status), reply, verdict)


def _status(told: str, text: str) -> str:
    """The code that says more: the report's own, unless the quoted reply is more exact."""
    quoted = status_in(text, told[:1])
    exact = quoted.count(".0") == 0 and quoted
    return quoted if exact or not told else told


def _deed(action: str, status: str) -> Deed:
    try:
        return Deed(action.lower())
    except ValueError:
        return Deed.DELIVERED if status.startswith("2") else Deed.FAILED
