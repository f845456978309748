"""One call of a sending service: proved, of today, taken."""

from __future__ import annotations

import datetime as dt
import functools
import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.db.models import F
from django.utils import timezone

from accounts import fields
from delivery.bounces import taking
from delivery.bounces.webhooks import events, signatures
from delivery.bounces.webhooks.events import Told
from delivery.content.message import id_proof
from delivery.keyring import keyring
from delivery.models import Inlet, Message, ReportWebhook

# Services try again for a day, some with the signature of the first time; the event's own id keeps replays out anyway.
OLD, AHEAD = dt.timedelta(hours=25), dt.timedelta(minutes=5)
FETCH_SECONDS = 5.0
FETCH_LIMIT = 64 * 1024

Problem = ReportWebhook.Problem

_MESSAGE_ID = re.compile(r"<?([0-9a-f]{1,16})\.([0-9a-f]{16})@[^<>\s]{1,255}>?")


class Refused(Exception):
    """Nothing of the call was believed: one of ReportWebhook.Problem."""

    def __init__(self, problem: ReportWebhook.Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def receive(hook: ReportWebhook, headers: Mapping[str, str], body: bytes) -> int:
    """How many events were told, those known already among them. What is returned is committed. Raises Refused."""
    now = timezone.now()
    try:
        told = list(_READERS[Inlet(hook.provider)](hook, headers, body, now))
        for one in told:
            _take(hook, one)
    except Refused as refused:
        ReportWebhook.objects.filter(pk=hook.pk).update(problem=refused.problem, problem_at=now)
        raise
    ReportWebhook.objects.filter(pk=hook.pk).update(
        called_at=now, events=F("events") + len(told), problem="", problem_at=None
    )
    return len(told)


def _take(hook: ReportWebhook, told: Told) -> None:
    taking.take_report(
        told.report,
        inlet=Inlet(hook.provider),
        token=told.token or _token_of(told),
        source=hook.name,
        key=f"{hook.provider}:{told.key}",
        raw=json.dumps(told.event, ensure_ascii=False, indent=2).encode("utf-8", "replace"),
    )


def _token_of(told: Told) -> str:
    """Where the service keeps nothing of ours but the Message-ID: the return path of that message.

    The service signs what it says of any mail of its account, also that of another tenant who writes what Message-ID
    they like: ours proves by itself that we wrote it, as the return path does.
    """
    found = _MESSAGE_ID.fullmatch(told.message_id.strip())
    number = int(found[1], 16) if found else 0
    if not found or number >= 2**63:
        return ""
    message = Message.objects.filter(pk=number).select_related("mailing__content").first()
    if message is None or message.rcpt.lower() != told.rcpt.lower():
        return ""
    known = [keyring().signing_with(key.id).return_path_local(number) for key in keyring().keys]
    proofs = {id_proof(one, message.mailing.content.hash): one for one in known}
    return proofs.get(found[2], "")


def _ses(hook: ReportWebhook, _headers: Mapping[str, str], body: bytes, now: dt.datetime) -> Iterator[Told]:
    envelope = _object(body)
    url = str(envelope.get("SigningCertURL"))
    if not signatures.is_amazons(url) or not signatures.sns(envelope, _certificate(url)):
        raise Refused(Problem.UNSIGNED)
    _not_old(_date(str(envelope.get("Timestamp"))), now)
    topic = str(envelope.get("TopicArn"))
    # Anybody has a topic that Amazon signs for: ours is the first that came to this address, which is a secret.
    if hook.topic != topic and not ReportWebhook.objects.filter(pk=hook.pk, topic="").update(topic=topic[:300]):
        raise Refused(Problem.FOREIGN)
    if envelope.get("Type") == "SubscriptionConfirmation":
        _confirm(str(envelope.get("SubscribeURL")))
        return
    if envelope.get("Type") == "Notification":
        yield from events.ses(_object(str(envelope.get("Message")).encode("utf-8", "replace")))


def _sendgrid(hook: ReportWebhook, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> Iterator[Told]:
    signature = headers.get("X-Twilio-Email-Event-Webhook-Signature", "")
    timestamp = headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    if not signatures.sendgrid(_secret(hook), signature, timestamp, body):
        raise Refused(Problem.UNSIGNED)
    _not_old(_second(timestamp), now)
    yield from events.sendgrid(_json(body, list))


def _mailgun(hook: ReportWebhook, _headers: Mapping[str, str], body: bytes, now: dt.datetime) -> Iterator[Told]:
    payload = _object(body)
    signed = payload.get("signature")
    given = {name: str(value) for name, value in signed.items()} if isinstance(signed, dict) else {}
    timestamp = given.get("timestamp", "")
    if not signatures.mailgun(_secret(hook), timestamp, given.get("token", ""), given.get("signature", "")):
        raise Refused(Problem.UNSIGNED)
    _not_old(_second(timestamp), now)
    for told in events.mailgun(payload):
        # The signature is not over the event: its token is good for one event only, so that it names it.
        yield replace(told, key=given["token"])


def _postmark(hook: ReportWebhook, headers: Mapping[str, str], body: bytes, _now: dt.datetime) -> Iterator[Told]:
    if not signatures.basic(_secret(hook), headers.get("Authorization", "")):
        raise Refused(Problem.UNSIGNED)
    yield from events.postmark(_object(body))


_READERS = {Inlet.SES: _ses, Inlet.SENDGRID: _sendgrid, Inlet.MAILGUN: _mailgun, Inlet.POSTMARK: _postmark}


def _secret(hook: ReportWebhook) -> str:
    secret = fields.reveal(hook, "secret_sealed")
    if not secret:
        raise Refused(Problem.UNSIGNED)
    return secret


def _json(body: bytes, kind: type[Any]) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(Problem.UNREADABLE) from error
    if not isinstance(found, kind):
        raise Refused(Problem.UNREADABLE)
    return found


def _object(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = _json(body, dict)
    return found


def _second(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(int(text[:12]), dt.UTC)
    except ValueError:
        return None


def _date(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _not_old(at: dt.datetime | None, now: dt.datetime) -> None:
    if at is None or at.tzinfo is None or not now - OLD <= at <= now + AHEAD:
        raise Refused(Problem.OLD)


@functools.lru_cache(maxsize=16)
def _certificate(url: str) -> bytes:
    return fetch(url)


def _confirm(url: str) -> None:
    if not signatures.is_amazons(url):
        raise Refused(Problem.UNSIGNED)
    fetch(url)


def fetch(url: str) -> bytes:
    """What Amazon has there. No redirect is followed. Raises Refused."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(parts.netloc, timeout=FETCH_SECONDS, context=context)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        text = answer.read(FETCH_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise Refused(Problem.UNSIGNED) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(Problem.UNSIGNED)
    return text
