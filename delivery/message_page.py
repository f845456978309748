"""Everything known about one message, for its page: the timeline, every attempt, the dialogue with their server."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from delivery import knowledge
from delivery.keyring import keyring
from delivery.models import Attempt, Deferral, Event, Mailing, Message, MessageState, Route
from delivery.own_causes import OWN_CAUSES
from delivery.smtp.replies import Phase
from delivery.smtp.transcript import Line, Transcript, dialogue

# A notice may hold a password reset: nobody reads it here.
SHOWN_KINDS = (Mailing.Kind.CAMPAIGN, Mailing.Kind.TEST)
QUEUED_AGAIN = "queued"  # somebody, or a late sign, put it back: not an attempt
BOUNCED, KNOWN_LATER = "bounced", "known_later"  # what came back tells it: not an attempt either
NO_TRY = (QUEUED_AGAIN, BOUNCED, KNOWN_LATER)
MOST_EVENTS = 200  # of one message; a scanner can make thousands

STATES = {
    MessageState.QUEUED: "queued",
    MessageState.DEFERRED: "deferred",
    MessageState.DELIVERED: "delivered",
    MessageState.FAILED: "failed",
    MessageState.UNCERTAIN: "uncertain",
    MessageState.HELD: "held",
    MessageState.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Tried:
    """One attempt. `explanation` is None for a delivery."""

    number: int
    attempt: Attempt
    state: str
    route: str
    explanation: knowledge.Explanation | None
    lines: list[Line]
    deciding: int  # which of the lines settled it, from 1; 0 for none
    host: str
    tls: str


@dataclass(frozen=True)
class Step:
    """One line of the timeline. `decisive` is the event that settled it."""

    at: datetime
    icon: str
    tone: str
    title: str
    detail: str = ""
    code: str = ""
    decisive: bool = False


@dataclass(frozen=True)
class Story:
    message: Message
    rcpt: str
    state: str
    tries: list[Tried]
    reports: list[Tried]  # what was told later of it
    steps: list[Step]
    explanation: knowledge.Explanation | None
    verdict: knowledge.Cause | None
    next_try: datetime | None
    return_path: str


def explanation_of(cause: str | None) -> knowledge.Explanation | None:
    """A cause in the reader's language: the knowledge base's, or one of ours; None for what is no cause."""
    if cause and cause in knowledge.CAUSES:
        return knowledge.explain(cause, (get_language() or "en")[:2])
    own = OWN_CAUSES.get(cause or "")
    return knowledge.Explanation(str(own.title), str(own.why), tuple(map(str, own.advice))) if own else None


def story(message: Message) -> Story:
    domain = message.mailing.from_address.sending_domain
    local = keyring().return_path_local(message.pk)
    return_path = f"{local}@{domain.return_path_host}"
    rows = _rows(message, return_path)
    deferral = Deferral.objects.filter(message=message).first()
    return Story(
        message=message,
        rcpt=message.rcpt or _("Erased address"),
        state=message.state_name,
        tries=[row for row in rows if row.state not in NO_TRY],
        reports=[row for row in rows if row.state in (BOUNCED, KNOWN_LATER) and row.attempt.phase],
        steps=_steps(message, rows),
        explanation=explanation_of(message.cause),
        verdict=knowledge.CAUSES.get(message.cause or ""),
        next_try=deferral.due_at if deferral else None,
        return_path=return_path,
    )


def _rows(message: Message, return_path: str) -> list[Tried]:
    rows = list(Attempt.objects.filter(message_id=message.pk).order_by("at"))
    routes = Route.objects.in_bulk({row.route_id for row in rows if row.route_id})
    numbers = itertools.accumulate(int(_state(row) not in NO_TRY) for row in rows)
    return [_tried(n, row, message, return_path, routes) for n, row in zip(numbers, rows, strict=True)]


def _state(row: Attempt) -> str:
    if row.result == Attempt.BOUNCED:
        return BOUNCED
    if row.phase == Phase.DSN or (not row.lease_id and row.result == MessageState.DELIVERED):
        return KNOWN_LATER
    return "returned" if row.result == Attempt.RETURNED else STATES[MessageState(row.result or 0)]


def _tried(number: int, row: Attempt, message: Message, return_path: str, routes: dict[int, Route]) -> Tried:
    kept = Transcript.from_json(row.transcript) if row.transcript else None
    final = f"{row.code} {row.reply or ''}" if row.result == MessageState.DELIVERED else ""
    lines = dialogue(return_path, message.rcpt, kept, final) if kept and (kept.milestones or final) else []
    return Tried(
        number=number,
        attempt=row,
        state=_state(row),
        route=str(routes[row.route_id]) if row.route_id in routes else "",
        explanation=explanation_of(row.cause),
        lines=lines,
        deciding=_deciding(lines, row.code),
        host=kept.host if kept else "",
        tls=kept.tls if kept else "",
    )


def _deciding(lines: list[Line], code: int | None) -> int:
    """The last line in which they said the code that the outcome has: what follows only closes the dialogue."""
    said = [n for n, line in enumerate(lines, 1) if line.who == "S" and line.text.startswith(str(code))]
    return said[-1] if said and code else 0


LOOKS = {
    "delivered": ("check", "done"),
    "deferred": ("refresh", "wait"),
    "failed": ("x", "stop"),
    "uncertain": ("question-mark", "wait"),
    "held": ("alert-triangle", "wait"),
    "cancelled": ("ban", "mute"),
    "returned": ("arrow-back-up", "mute"),
    QUEUED_AGAIN: ("clock", "mute"),
    BOUNCED: ("mail-x", "stop"),
    KNOWN_LATER: ("info-circle", "run"),
}


def _steps(message: Message, rows: list[Tried]) -> list[Step]:
    mailing = message.mailing
    steps = []
    if mailing.started_at:
        steps.append(Step(mailing.started_at, "clock", "mute", _("Queued"), str(mailing)))
    steps += [_step_of(one, last=one is rows[-1]) for one in rows]
    # A late bounce stands among the tries already, with what was said.
    events = Event.objects.filter(message_id=message.pk).exclude(kind=Event.Kind.BOUNCE_LATER)
    for event in events.order_by("at")[:MOST_EVENTS]:
        steps.append(_step_of_event(event))
    return sorted(steps, key=lambda step: step.at)


def _step_of(one: Tried, *, last: bool) -> Step:
    icon, tone = LOOKS[one.state]
    words = {
        "delivered": _("Attempt %(n)s, accepted by their server"),
        "deferred": _("Attempt %(n)s, told to wait"),
        "failed": _("Attempt %(n)s, refused"),
        "uncertain": _("Attempt %(n)s, no answer after the message"),
        "held": _("Held: a person must decide"),
        "cancelled": _("Not sent after all"),
        "returned": _("Attempt %(n)s, not begun: it costs nothing"),
        QUEUED_AGAIN: _("Queued again"),
        BOUNCED: _("Bounced later: a report said that it did not arrive"),
        KNOWN_LATER: _("Known by a report: it failed") if one.explanation else _("Known by a later sign: it arrived"),
    }
    row = one.attempt
    code = " ".join(str(part) for part in (row.code, row.status) if part)
    said = (row.reply or "").removeprefix(row.status or "").strip()  # the code stands before it already
    detail = one.explanation.title if one.explanation else said[:200]
    return Step(row.at, icon, tone, words[one.state] % {"n": one.number}, detail, code, decisive=last)


def _step_of_event(event: Event) -> Step:
    machine = _(" by a machine") if event.machine else ""
    words = {
        Event.Kind.OPEN: ("eye", "run", _("Opened")),
        Event.Kind.CLICK: ("pointer", "run", _("Clicked")),
        Event.Kind.UNSUBSCRIBE: ("user-off", "mute", _("Unsubscribed")),
        Event.Kind.COMPLAINT: ("flag", "stop", pgettext("event", "Reported as spam")),
        Event.Kind.STATE: ("info-circle", "mute", ""),
    }
    icon, tone, title = words[Event.Kind(event.kind)]
    return Step(event.at, icon, "mute" if event.machine else tone, title + machine)
