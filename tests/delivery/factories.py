"""Objects of delivery for generated tests."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from accounts.models import Workspace
from delivery import domains
from delivery.furnishing import sandbox_address
from delivery.models import (
    Content,
    Domain,
    FromAddress,
    Mailing,
    Message,
    MessageState,
    Route,
    SandboxMail,
    SendingDomain,
)
from tests.factories import factory

LETTER = b"From: hello@sandbox.example\r\nSubject: Hello\r\n\r\nHello\r\n"


@factory("mailing", "delivery:people.pk", "delivery:export_people.pk", "delivery:replies.pk")
def mailing(workspace: Workspace) -> Mailing:
    return Mailing.objects.create(
        workspace=workspace,
        kind=Mailing.Kind.CAMPAIGN,
        state=Mailing.State.FINISHED,
        name="Autumn",
        content=Content.objects.create(workspace=workspace, hash=f"{workspace.pk:064}", subject="Hello", text="Hello"),
        from_address=sandbox_address(workspace),
        give_up_after=dt.timedelta(hours=72),
        started_at=timezone.now(),
    )


@factory("message", "delivery:message.pk", "delivery:copy.pk")
def message(workspace: Workspace) -> Message:
    domain, _new = Domain.objects.get_or_create(name="example.net")
    return Message.objects.create(
        mailing=mailing(workspace), rcpt="hanako@example.net", domain=domain, state=MessageState.DELIVERED
    )


@factory("delivery:sandbox_*.pk")
def sandbox_mail(workspace: Workspace) -> SandboxMail:
    return SandboxMail.objects.create(
        workspace=workspace, rcpt="hanako@example.net", subject="Hello", raw=LETTER, received_at=timezone.now()
    )


@factory("delivery:address_remove.pk")
def from_address(workspace: Workspace) -> FromAddress:
    return sandbox_address(workspace)


@factory("delivery:domain*.pk", "delivery:address_add.pk")
def sending_domain(workspace: Workspace) -> SendingDomain:
    return domains.add(workspace, f"w{workspace.pk}.minori.example", actor=None)


@factory("delivery:route*.pk")
def route(workspace: Workspace) -> Route:
    made = Route.objects.create(name=f"Smarthost {workspace.pk}", kind=Route.Kind.SMARTHOST, host="mail.minori.example")
    made.workspaces.add(workspace)
    return made
