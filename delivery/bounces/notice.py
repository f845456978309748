"""What a report says of one address, as it says it: the common form that every reader of a dialect fills."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery import providers
from delivery.bounces.codes import code_in, enhanced, status_in
from delivery.bounces.report import Deed, Reported
from delivery.knowledge import Category, Verdict, classify
from delivery.smtp.replies import Phase, Reply, clean

PROGRAM = "program"  # as the command: what a local program wrote, no server's answer
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
_PAIR = re.compile(r"([45])\d\d[ -](\1\.\d{1,3}\.\d{1,3})(?![\d.])")
# "5.1.0 - Unknown address error 550-'5.1.1 …", "5.0.350 Remote server returned an error -> 550 5.1.1 …"
_ANSWER = re.compile(r"(?<![\d.])([45])\d\d[ -]'?#?(\1\.\d{1,3}\.\d{1,3})(?![\d.])")
# "554 4.4.7 Message expired <421 4.4.2 Connection timed out>": the last answer of their server.
_INNER = re.compile(
    r"(?i)(?:expired[^<>]{0,200}<|message delayed[^<>]{0,200} returned ')"
    r"([45]\d\d[ -][45]\.\d{1,3}\.\d{1,3} [^<>]{3,900})[>']"
)


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
    inner = _INNER.search(text)
    status = _status("" if inner else notice.status, inner[1] if inner else text)
    code = (0 if inner else notice.code) or code_in(inner[1] if inner else text, status[:1])
    if code and status and str(code)[0] != status[0]:
        code = 0
    if code:
        text = text.removeprefix(f"{code} ").removeprefix(f"{code}-")
    reply = Reply(code, text, enhanced(status), _COMMANDS.get(notice.command.lower(), Phase.DSN))
    return Reported(notice.recipient.lower(), _deed(notice.action, status), reply, _verdict(reply, notice))


# What these providers say of their own people after the message, and mean.
_AT_ANY_TIME = frozenset({"yahoo.dd_user", "yahoo.gone552", "microsoft.hotmail"})


def _verdict(reply: Reply, notice: Notice) -> Verdict:
    """That an address does not exist is believed of a server that said so to RCPT, or by a code that says nothing else.

    After the message, and with other codes, many say so of people who only filter (au, docomo, appliances), and the
    output of a program speaks of anything: then it counts as a refusal that may pass.
    """
    verdict = classify(reply, provider=providers.family(notice.host))
    if verdict.category is not Category.INVALID_RECIPIENT or not verdict.hard:
        return verdict
    coded = reply.status is not None and reply.status.subject == 1 and notice.command != PROGRAM
    if coded or reply.phase is Phase.RCPT or verdict.entry in _AT_ANY_TIME:
        return verdict
    return classify(Reply(550, "User unknown", phase=Phase.DOT))


def _status(told: str, text: str) -> str:
    """The code that says more: the report's own, unless the quoted reply is more exact, or of another class.

    Postfix calls a 550 in a greeting 4.x.x, since it tries the next server.
    """
    pair = _PAIR.match(text)
    if pair and told and pair[1] != told[0]:
        return pair[2]
    quoted = status_in(text, told[:1])
    exact = quoted and ".0" not in quoted
    best = quoted if exact or not told or (quoted and told.endswith(".0.0")) else told
    answers = (match[2] for match in _ANSWER.finditer(text) if match[1] == best[:1] and ".0" not in match[2])
    return next(answers, best) if ".0" in best else best


def _deed(action: str, status: str) -> Deed:
    try:
        return Deed(action.lower())
    except ValueError:
        return Deed.DELIVERED if status.startswith("2") else Deed.FAILED
