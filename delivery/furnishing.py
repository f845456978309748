"""What a new workspace gets to send with: the sandbox, so that a whole campaign can run before any DNS is set."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from accounts.models import Workspace
from accounts.setup import NewWorkspace
from delivery import dkim_keys
from delivery.models import FromAddress, Route, SendingDomain

SANDBOX_DOMAIN = "sandbox.example"


def furnish(new: NewWorkspace) -> None:
    sandbox_address(new.workspace)


def sandbox_route() -> Route:
    """The install's one sandbox route: our own receiver on loopback."""
    route, _new = Route.objects.get_or_create(
        kind=Route.Kind.SANDBOX,
        defaults={
            "name": "Sandbox",
            "host": settings.SANDBOX_HOST,
            "port": settings.SANDBOX_PORT,
            "security": Route.Security.NONE,
        },
    )
    return route


def receiver_started() -> None:
    """The sandbox route leads to where its receiver listens now: PORT may have changed since the route was made."""
    Route.objects.filter(kind=Route.Kind.SANDBOX).update(host=settings.SANDBOX_HOST, port=settings.SANDBOX_PORT)


def sandbox_address(workspace: Workspace) -> FromAddress:
    """hello@sandbox.example of this workspace, made on first use. Only the sandbox route takes it."""
    sandbox_route().workspaces.add(workspace)
    domain, new = SendingDomain.objects.get_or_create(
        workspace=workspace,
        name=SANDBOX_DOMAIN,
        defaults={
            "return_path_host": f"bounce.{SANDBOX_DOMAIN}",
            "sandbox": True,
            "verified_at": timezone.now(),
        },
    )
    if new:
        dkim_keys.make(domain)
    address, _new = FromAddress.objects.get_or_create(
        sending_domain=domain, local_part="hello", defaults={"workspace": workspace, "name": workspace.name}
    )
    return address
