"""Amazon SES: notifications in JSON that SNS sends by mail."""

from __future__ import annotations

import json
import re
from typing import Any

from delivery.bounces.codes import address_in, code_in, status_in
from delivery.bounces.letter import Letter
from delivery.bounces.notice import Notice

_FOLD = re.compile(r"!\n ?")  # SNS breaks long lines
JSON_LIMIT = 128 << 10  # characters: its nesting is bounded by this


def read(letter: Letter) -> list[Notice]:
    told = payload(letter)
    kind = str(told.get("notificationType") or told.get("eventType") or "")
    about = _object(told.get(kind.lower()))
    if kind == "Bounce":
        return [_bounced(each, about) for each in _objects(about.get("bouncedRecipients"))]
    if kind == "Delivery":
        said = str(about.get("smtpResponse", ""))
        return [
            Notice(address_in(str(to)), "delivered", status_in(said), said, _code(said))
            for to in _list(about.get("recipients"))
        ]
    return []


def payload(letter: Letter) -> dict[str, Any]:
    """The notification, or {}."""
    text = letter.text.strip()
    if not text.startswith("{") or ("otification" not in text and "eventType" not in text):
        return {}
    whole = _decoded(_FOLD.sub("", text.partition("\n--\n")[0]))
    inner = whole.get("Message")
    return _decoded(inner) if isinstance(inner, str) else whole


def complained(told: dict[str, Any]) -> tuple[list[str], str]:
    """Who complained, and how their provider calls it; ([], "") where this is no complaint."""
    if "Complaint" not in (told.get("notificationType"), told.get("eventType")):
        return [], ""
    about = _object(told.get("complaint"))
    people = [address_in(str(each.get("emailAddress", ""))) for each in _objects(about.get("complainedRecipients"))]
    return list(filter(None, people)), str(about.get("complaintFeedbackType") or "abuse")[:40]


def _bounced(each: dict[str, Any], about: dict[str, Any]) -> Notice:
    said = str(each.get("diagnosticCode") or "")
    kind, mark, rest = said.partition(";")
    host = str(about.get("reportingMTA") or "").rpartition(";")[2].strip()
    return Notice(
        recipient=address_in(str(each.get("emailAddress", ""))),
        action=str(each.get("action") or "failed"),
        status=status_in(str(each.get("status") or "")),
        diagnostic=rest.strip()
        if mark and len(kind) < 12
        else said or f"{about.get('bounceType')} {about.get('bounceSubType')}",
        host=host[:255],
    )


def _code(said: str) -> int:
    return int(said[:3]) if said[:3].isdecimal() else code_in(said)


def _decoded(text: str) -> dict[str, Any]:
    if len(text) > JSON_LIMIT or text.count("[") + text.count("{") > 2000:
        return {}
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:200] if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]
