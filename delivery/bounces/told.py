"""What a report says, as it is stored with it, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from delivery import knowledge
from delivery.bounces.report import Deed, Kind, Report, Reported
from delivery.knowledge import Action, Verdict
from delivery.models import IncomingReport
from delivery.smtp.replies import EnhancedStatus, Phase, Reply, clean

TEXT_KEPT = 600  # characters of what was said of one


def without_code(reply: Reply) -> Reply:
    """As a server's own reply is kept: a report writes the code before the words once more."""
    text = reply.text.strip()
    return replace(reply, text=text[4:].lstrip() if reply.code and text[:3] == str(reply.code) else text)


def row_of(one: Reported) -> dict[str, Any]:
    reply, verdict = without_code(one.reply), one.verdict
    return {
        "recipient": clean(one.recipient)[:320], "action": str(one.action), "code": reply.code,
        "status": str(reply.status or ""), "phase": str(reply.phase), "text": clean(reply.text)[:TEXT_KEPT],
        "cause": verdict.cause, "does": str(verdict.action), "retry": verdict.retry, "hard": verdict.hard,
        "entry": verdict.entry,
    }  # fmt: skip


def nameless(report: Report) -> Report:
    """Without addresses, and without words, which repeat them: what may be kept of an erased person."""
    them = [replace(one, recipient="", reply=replace(one.reply, text="")) for one in report.recipients]
    return replace(report, recipients=tuple(them))


def report_of(stored: IncomingReport) -> Report:
    """What acts is whole; the references have done their work."""
    return Report(Kind(stored.kind), tuple(map(_reported, stored.told)), feedback_type=stored.feedback_type)


def _reported(row: dict[str, Any]) -> Reported:
    cause = knowledge.CAUSES.get(row["cause"]) or knowledge.CAUSES["unknown"]
    verdict = Verdict(
        cause=cause.id, category=cause.category, scope=cause.scope, action=Action(row["does"]), retry=row["retry"],
        hard=row["hard"], entry=row["entry"], confidence=0.0,
    )  # fmt: skip
    reply = Reply(row["code"], row["text"], EnhancedStatus.find(row["status"]), Phase(row["phase"]))
    return Reported(row["recipient"], Deed(row["action"]), reply, verdict)
