"""How many connections may be held, and what each may carry: of limits, and of what is known of a provider."""

from __future__ import annotations

from dataclasses import dataclass

from delivery import site_defaults
from delivery.buckets import Sender, applies, key_of, site_key
from delivery.models import Limit, Route, Site

DEFAULT_PER_CONNECTION = 1_000


@dataclass(frozen=True, slots=True)
class Connections:
    """Every limit that counts a connection, by key, with the most that all workers may hold under it together."""

    shared: tuple[tuple[str, int], ...]
    messages: int  # that each may carry
    idle: float | None  # seconds without work until it is closed, where anybody says so


def of(route: Route, site: int | None, sender: Sender) -> Connections:
    """What holds for one connection over this route (to this site, where we deliver to it) that mails for `sender`."""
    limits = [limit for limit in Limit.objects.all() if applies(limit, route, site, sender)]
    shared = [(key, limit.connections) for limit in limits if limit.connections and (key := key_of(limit))]
    messages = [limit.per_connection for limit in limits if limit.per_connection]
    idle = [limit.idle_seconds for limit in limits if limit.idle_seconds]
    if site is not None and (manners := _manners(site)) is not None:
        of_site = [limit for limit in limits if limit.site_id is not None]
        if not any(limit.connections for limit in of_site):
            shared.append((site_key(route.pk, site), manners.connections))
        if not any(limit.per_connection for limit in of_site):
            messages.append(manners.per_connection)
        if not idle:
            idle.append(manners.idle_seconds)
    return Connections(tuple(sorted(shared)), min(messages, default=DEFAULT_PER_CONNECTION), min(idle, default=None))


def _manners(site: int) -> site_defaults.Manners | None:
    provider = Site.objects.filter(pk=site).values_list("provider", flat=True).first()
    return site_defaults.of(provider or "")


def own(route: Route, sender: Sender) -> Sender:
    """What of this sender limits of connections name: its mail then goes over connections that carry no other's."""
    named = [
        limit
        for limit in Limit.objects.exclude(connections=None, per_connection=None)
        if limit.route_id in (None, route.pk)
    ]
    return Sender(
        sender.domain if sender.domain in {limit.sending_domain_id for limit in named} else None,
        sender.workspace if sender.workspace in {limit.workspace_id for limit in named} else None,
    )
