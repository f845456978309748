"""Django's mail (invitations, password resets) goes the way of all mail: a notice, queued, explained if it fails."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import get_language

from accounts.models import Workspace
from delivery import contents, mailings
from delivery.content.freeze import freeze
from delivery.content.source import Kind, Source
from delivery.furnishing import sandbox_address, sandbox_route
from delivery.models import FromAddress, Mailing, Route
from delivery.queue.expand import BadAddress


class EmailBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        with transaction.atomic():
            return sum(send(message) for message in email_messages)

    def rehearse(self, message: EmailMessage) -> None:
        """The same work, and nothing is left of it."""
        with transaction.atomic():
            send(message)
            transaction.set_rollback(True)


def send(message: EmailMessage) -> bool:
    """Queue it; False when there is nobody to send as (no workspace yet), or no address to send to."""
    rcpts = message.recipients()
    workspace = workspace_for(rcpts[0]) if rcpts else None
    if workspace is None:
        return False
    from_address, route = sender_for(workspace)
    source = Source(
        kind=Kind.NOTICE,
        subject=literal(str(message.subject)),
        text=literal(str(message.body)),
        language=get_language() or workspace.language,
    )
    try:
        mailings.post(
            workspace=workspace,
            kind=Mailing.Kind.NOTICE,
            content=contents.store_sealed(workspace, freeze(source)),
            from_address=from_address,
            routes=[route],
            rcpts=rcpts,
        )
    except BadAddress:
        return False
    return True


def workspace_for(address: str) -> Workspace | None:
    """Whose name the notice carries: the recipient's workspace, the one that invites them, else the install's first."""
    member = Workspace.objects.filter(memberships__user__email__iexact=address)
    inviting = Workspace.objects.filter(invitations__email__iexact=address, invitations__accepted_at=None)
    return member.first() or inviting.order_by("-invitations__pk").first() or Workspace.objects.order_by("pk").first()


def sender_for(workspace: Workspace) -> tuple[FromAddress, Route]:
    """A live From address with a route; until there is one, the sandbox: its mailbox then holds the notice."""
    live = _live_addresses().filter(workspace=workspace).order_by("pk").first()
    route = _live_routes().filter(workspaces=workspace).first()
    if live and route:
        return live, route
    return sandbox_address(workspace), sandbox_route()


def stays_here() -> bool:
    """Whether all notices end in the sandbox mailbox: no workspace has a live From address and a route for it."""
    return not _live_addresses().filter(workspace__routes__in=_live_routes()).exists()


def _live_addresses() -> QuerySet[FromAddress]:
    return FromAddress.objects.filter(
        sending_domain__live_at__isnull=False, sending_domain__verified_at__isnull=False, sending_domain__sandbox=False
    )


def _live_routes() -> QuerySet[Route]:
    return Route.objects.filter(paused_at=None).exclude(kind=Route.Kind.SANDBOX)


def literal(text: str) -> str:
    """The text as a template that says exactly it."""
    return text.replace("{", "{{ '{' }}")
