"""One message by HTTP: every attempt, what their server said, what it means."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Schema
from pydantic import Field

from accounts.api import ApiRequest, Id, Key, Resource
from accounts.api_keys import Scope
from delivery import message_page
from delivery.models import Message

router = Resource(tags=["Messages"])


class ExplanationOut(Schema):
    title: str
    why: str
    advice: list[str]


class DialogueLine(Schema):
    seconds: float | None
    who: str = Field(description="S: their server, C: us; empty: a remark")
    text: str


class AttemptOut(Schema):
    number: int
    at: datetime = Field(alias="attempt.at")
    state: str
    route: str
    host: str
    tls: str
    phase: str | None = Field(alias="attempt.phase")
    code: int | None = Field(alias="attempt.code")
    status: str | None = Field(alias="attempt.status", description="The enhanced status code")
    reply: str | None = Field(alias="attempt.reply", description="As it came")
    cause: str | None = Field(alias="attempt.cause")
    explanation: ExplanationOut | None
    dialogue: list[DialogueLine] = Field(alias="lines")


class ReportedOut(Schema):
    """What a report said after the attempts: it bounced later, or its unknown outcome was settled."""

    at: datetime = Field(alias="attempt.at")
    code: int | None = Field(alias="attempt.code")
    status: str | None = Field(alias="attempt.status")
    reply: str | None = Field(alias="attempt.reply")
    cause: str | None = Field(alias="attempt.cause")
    explanation: ExplanationOut | None


class TimelineStep(Schema):
    at: datetime
    title: str
    detail: str
    code: str


class MessageOut(Schema):
    id: int = Field(alias="message.pk")
    mailing: str = Field(alias="mailing_name")
    rcpt: str = Field(alias="message.rcpt")
    contact: int | None = Field(alias="message.contact_id")
    state: str
    cause: str | None = Field(alias="message.cause")
    explanation: ExplanationOut | None
    next_try: datetime | None
    return_path: str
    bounced_at: datetime | None = Field(alias="message.bounced_at")
    attempts: list[AttemptOut] = Field(alias="tries")
    reported: list[ReportedOut] = Field(alias="reports")
    timeline: list[TimelineStep] = Field(alias="steps")

    @staticmethod
    def resolve_mailing_name(story: message_page.Story) -> str:
        return str(story.message.mailing)


@router.get("/{pk}", auth=Key(Scope.READ), response=MessageOut)
def read_message(request: ApiRequest, pk: Id) -> Any:
    """Its timeline, every attempt, and the SMTP dialogue of those that did not go well."""
    rows = Message.objects.filter(mailing__workspace=request.workspace, mailing__kind__in=message_page.SHOWN_KINDS)
    rows = rows.select_related("mailing__from_address__sending_domain", "domain__site")
    return message_page.story(get_object_or_404(rows, pk=pk))
