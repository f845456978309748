"""How a reply is read, part by part: its digits, its enhanced code, the cause that they and its words mean."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from delivery.cause_words import what_we_do
from delivery.knowledge import CAUSES
from delivery.models import Attempt, MessageState

_DIGITS: dict[str, Promise] = {
    "2": gettext_lazy("Yes: accepted."),
    "4": gettext_lazy("Not now: it may be tried again."),
    "5": gettext_lazy("A final no."),
}
_SUBJECTS: dict[str, Promise] = {
    "0": gettext_lazy("It does not say what it is about."),
    "1": gettext_lazy("It is about an address."),
    "2": gettext_lazy("It is about the mailbox."),
    "3": gettext_lazy("It is about their mail system."),
    "4": gettext_lazy("It is about the network or the way to them."),
    "5": gettext_lazy("It is about the dialogue of the two servers."),
    "6": gettext_lazy("It is about the content of the message."),
    "7": gettext_lazy("It is about policy or security."),
}


@dataclass(frozen=True)
class Part:
    """`cause` leads to the help where the value is one."""

    name: str
    value: str
    meaning: str
    cause: str = ""


def parts(attempt: Attempt) -> list[Part]:
    """Empty where no server said anything, or where it said yes."""
    if not attempt.code or attempt.result == MessageState.DELIVERED:
        return []
    code, status, cause = str(attempt.code), attempt.status or "", attempt.cause or ""
    found = [Part(_("Basic code"), code, str(_DIGITS.get(code[0], "")))]
    if status.count(".") == 2:
        found.append(Part(_("Enhanced code"), status, str(_SUBJECTS.get(status.split(".")[1], ""))))
    if cause in CAUSES:
        found.append(Part(_("With its words"), cause, str(what_we_do(CAUSES[cause])), cause))
    return found
