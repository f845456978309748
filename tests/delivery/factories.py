"""Objects of delivery for generated tests."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import Workspace
from delivery import contents, furnishing, mailings, warmups
from delivery.content.freeze import freeze
from delivery.content.source import Kind, Source
from delivery.domains import add
from delivery.keyring import keyring
from delivery.models import (
    FromAddress,
    IncomingReport,
    Inlet,
    Mailing,
    Message,
    ReportWebhook,
    ReturnMailbox,
    Route,
    SandboxMail,
    SendingDomain,
    WarmUp,
)  # fmt: skip
from delivery.tokens import ConfirmToken, WebPurpose
from tests.factories import factory, of_no_workspace


@factory("delivery:people.pk", "delivery:export_people.pk", "delivery:replies.pk", "delivery:decide.pk")
def mailing(workspace: Workspace) -> Mailing:
    """A test mailing to one typed address."""
    letter = Source(Kind.LETTER, "Hello", text="Hello")
    return mailings.post(
        workspace=workspace,
        kind=Mailing.Kind.TEST,
        content=contents.store(workspace, freeze(letter)),
        from_address=furnishing.sandbox_address(workspace),
        routes=[furnishing.sandbox_route()],
        rcpts=["reader@example.com"],
    )


@factory("delivery:report.pk")
def report(workspace: Workspace) -> IncomingReport:
    return IncomingReport.objects.create(
        workspace=workspace, inlet=Inlet.IMAP, key=f"test:{workspace.pk}", kind="bounce", result="nothing"
    )


@factory("delivery:message.pk", "delivery:copy.pk")
def message(workspace: Workspace) -> Message:
    return Message.objects.get(mailing=mailing(workspace))


@factory("delivery:sandbox_mail.pk", "delivery:sandbox_letter.pk", "delivery:sandbox_complain.pk")
def sandbox_mail(workspace: Workspace) -> SandboxMail:
    raw = b"Subject: Hello\r\nTo: reader@example.com\r\n\r\nHello\r\n"
    return SandboxMail.objects.create(
        workspace=workspace,
        rcpt="reader@example.com",
        subject="Hello",
        raw=raw,
        size=len(raw),
        received_at=timezone.now(),
    )


@factory(
    *(
        f"delivery:{name}.pk"
        for name in (
            "domain",
            "domain_check",
            "domain_live",
            "domain_key",
            "domain_dmarc",
            "domain_limit",
            "domain_remove",
            "address_add",
        )
    )
)
def domain(workspace: Workspace) -> SendingDomain:
    return add(workspace, f"news{workspace.pk}.example.com", actor=None)


@factory("delivery:address_remove.pk")
def address(workspace: Workspace) -> FromAddress:
    return FromAddress.objects.create(workspace=workspace, sending_domain=domain(workspace), local_part="a", name="A")


@factory(
    *(
        f"delivery:{name}.pk"
        for name in ("route", "route_test", "route_pause", "route_remove", "route_site", "provider_hold", "warm_up")
    )
)
def route(workspace: Workspace) -> Route:
    made = Route.objects.create(
        name=f"Route {Route.objects.count()}", kind=Route.Kind.SMARTHOST, host="127.0.0.1", port=1
    )
    made.workspaces.add(workspace)
    return made


@factory("delivery:warm_up_pause.pk", "delivery:warm_up_remove.pk")
def warm_up(workspace: Workspace) -> WarmUp:
    return warmups.save(route(workspace), "", starts_at=timezone.now(), caps=[200, 400], actor=None)


@factory(*(f"delivery:{name}.pk" for name in ("mailbox", "mailbox_test", "mailbox_look", "mailbox_remove")))
def mailbox(workspace: Workspace) -> ReturnMailbox:
    name = f"Returns {ReturnMailbox.objects.count()}"
    return ReturnMailbox.objects.create(name=name, host="127.0.0.1", port=1, username="bounces")


@factory("delivery:webhook.pk", "delivery:webhook_remove.pk")
def webhook(workspace: Workspace) -> ReportWebhook:
    return ReportWebhook.objects.create(name=f"SES {ReportWebhook.objects.count()}", provider=Inlet.SES)


@factory("delivery:report_hook.provider")
def hook_provider(workspace: Workspace) -> str:
    return Inlet.SES.value


@factory("delivery:report_hook.token")
def hook_token(workspace: Workspace) -> str:
    return webhook(workspace).token


@factory("delivery:host_proof.nonce")
def nonce(workspace: Workspace) -> str:
    return "0"


@factory("delivery:click.number")
def number(workspace: Workspace) -> int:
    return 0


@factory("delivery:open.token")
def open_token(workspace: Workspace) -> str:
    return keyring().web_token(WebPurpose.OPEN, mailing(workspace).pk, 1)


@factory("delivery:click.token")
def click_token(workspace: Workspace) -> str:
    return keyring().web_token(WebPurpose.CLICK, mailing(workspace).pk, 1)


@factory("delivery:view.token")
def view_token(workspace: Workspace) -> str:
    return keyring().web_token(WebPurpose.VIEW, mailing(workspace).pk, 1)


@factory("delivery:unsubscribe.token", "delivery:unsubscribed.token", "delivery:preferences.token")
def unsubscribe_token(workspace: Workspace) -> str:
    return keyring().unsubscribe_token(0, mailing(workspace).pk)


@factory("delivery:confirm.token")
def confirm_token(workspace: Workspace) -> str:
    return keyring().confirm_token(ConfirmToken(0, mailing(workspace).pk, 0, 0))


@factory("delivery:help_cause.cause")
def cause(workspace: Workspace) -> str:
    return "no_such_user"


of_no_workspace("delivery:help_cause")
