"""What came back, for its pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.models import Contact
from delivery import knowledge
from delivery.message_page import SHOWN_KINDS, explanation_of
from delivery.models import IncomingReport, Message

SHOWN = 200_000  # characters of a raw report

Result, Deed = IncomingReport.Result, IncomingReport.Deed

# Why a report did nothing, or not yet.
WHY: dict[str, Promise] = {
    Result.NOTHING: _("It reports no failure and no complaint, so nothing had to be done."),
    Result.REPEATED: _("The same was told before. Nothing is done twice."),
    Result.WAITING: _("It came before the outcome of the message itself, or names a domain that is being looked up."),
    Result.NO_TOKEN: _(
        "It was not sent to one of our signed return addresses and returns no message with our signed reference. "
        "Anybody can write such a mail, so it is only shown."
    ),
    Result.BAD_TOKEN: _("Its token was not signed by this install: it is forged, damaged or meant for something else."),
    Result.EXPIRED: _("Reports act for 90 days after the last try."),
    Result.GONE: _("The message that it speaks of is no longer kept."),
    Result.UNREADABLE: _(
        "It says that it is a DMARC report, but it is damaged or too big to read. Nothing was counted."
    ),
}


# RFC 3464, 2.3.3.
ACTIONS: dict[str, Promise] = {
    "failed": pgettext_lazy("report", "failed"),
    "delayed": pgettext_lazy("report", "delayed"),
    "delivered": pgettext_lazy("report", "delivered"),
    "relayed": pgettext_lazy("report", "passed on"),
    "expanded": pgettext_lazy("report", "sent on to a list"),
}


@dataclass(frozen=True)
class Said:
    """What a report says of one address. Foreign text."""

    recipient: str
    action: str | Promise
    code: str
    text: str
    cause: str
    explanation: knowledge.Explanation | None


@dataclass(frozen=True)
class Item:
    """One report. `message` and `contact` are known by a valid token only."""

    row: IncomingReport
    message: Message | None
    contact: Contact | None
    why: str | Promise
    said: list[Said] = field(default_factory=list)

    @property
    def message_page(self) -> bool:
        """Whether the message has one: a notice has none."""
        return self.message is not None and self.message.mailing.kind in SHOWN_KINDS

    @property
    def deeds(self) -> list[str]:
        return [str(Deed(deed).label) for deed in self.row.deeds]

    @property
    def tone(self) -> str:
        """As of a badge."""
        if self.row.result in (Result.BAD_TOKEN, Result.NO_TOKEN, Result.EXPIRED, Result.GONE):
            return "mute"
        if self.row.result in (Result.WAITING, Result.UNREADABLE) or Deed.HELD in self.row.deeds:
            return "wait"
        stopping = {Deed.BOUNCED, Deed.FAILED, Deed.STOPPED, Deed.COMPLAINED}
        return "stop" if stopping & set(self.row.deeds) else "done"

    @property
    def raw(self) -> str:
        """As text; "" once it is forgotten."""
        return self.row.raw.decode("utf-8", "replace")[:SHOWN]


def items(rows: Iterable[IncomingReport]) -> list[Item]:
    found = list(rows)
    messages = Message.objects.select_related("contact", "mailing").in_bulk([row.message_id for row in found])
    return [_item(row, messages.get(row.message_id)) for row in found]


def _item(row: IncomingReport, message: Message | None) -> Item:
    said = [_said(one, row.kind) for one in row.told]
    return Item(row, message, message.contact if message else None, WHY.get(row.result, ""), said)


def _said(one: dict[str, Any], kind: str) -> Said:
    return Said(
        recipient=one["recipient"],
        action="" if kind == IncomingReport.Kind.COMPLAINT else ACTIONS.get(one["action"], ""),
        code=" ".join(str(part) for part in (one["code"], one["status"]) if part),
        text=one["text"].removeprefix(one["status"]).strip(),
        cause=one["cause"],
        explanation=explanation_of(one["cause"]),
    )
