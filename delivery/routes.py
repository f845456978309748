"""Routes: kept, paused, resumed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor
from delivery import buckets, providers
from delivery.models import Bucket, Limit, Mailing, Route, Site
from delivery.queue import sites, waking

if TYPE_CHECKING:
    from django.forms import ModelForm


@transaction.atomic
def save(form: ModelForm[Route], limits: ModelForm[Limit], *, actor: Actor) -> Route:
    """Keep a route, new or changed, with the limits of the whole of it. Both forms are valid."""
    route = form.save()
    limits.instance.route = route
    limits.save()
    audit.record(actor, None, "route.saved", route)
    return route


def pause(route: Route, *, actor: Actor, drain: bool = False) -> bool:
    """Nothing leaves over it until it is resumed, but what is on the wire; mailings go by their next route or wait.

    `drain`: what workers have taken in hand still leaves too. A drained route may be paused, not the other way round.
    """
    now = {"paused_at": timezone.now(), "paused_by": audit.name_of(actor), "drain": drain}
    done = Route.objects.filter(_may_pause(drain), pk=route.pk).update(pause_reason="manual", **now)
    return _recorded(bool(done), "route.drained" if drain else "route.paused", route, actor)


@transaction.atomic
def resume(route: Route, *, actor: Actor) -> bool:
    """Who waits for it goes on at once, also at the providers that had refused connections over it."""
    done = Route.objects.filter(pk=route.pk, paused_at__isnull=False).update(
        paused_at=None, pause_reason="", paused_by="", drain=False
    )
    if done:
        waking.wake_route(route.pk)
        Bucket.objects.filter(key__regex=rf"^route:{route.pk}(/|$)").update(closed_until=None, closings=0)
    return _recorded(bool(done), "route.resumed", route, actor)


@transaction.atomic
def pause_provider(route: Route, key: str, *, actor: Actor, drain: bool = False) -> bool:
    """Nobody at one provider is mailed over this direct route until it is resumed; as `pause`."""
    site = sites.named(key)
    bucket, _new = Bucket.objects.get_or_create(key=buckets.site_key(route.pk, site.pk))
    done = Bucket.objects.filter(_may_pause(drain), pk=bucket.pk).update(
        paused_at=timezone.now(), paused_by=audit.name_of(actor), drain=drain
    )
    return _recorded(bool(done), "provider.drained" if drain else "provider.paused", route, actor, site=key)


@transaction.atomic
def resume_provider(route: Route, key: str, *, actor: Actor) -> bool:
    """Who waits for it goes on at once; one that refuses connections stays closed until its hour."""
    site = sites.named(key)
    done = Bucket.objects.filter(key=buckets.site_key(route.pk, site.pk), paused_at__isnull=False).update(
        paused_at=None, paused_by="", drain=False
    )
    if done:
        waking.wake(site.pk)
    return _recorded(bool(done), "provider.resumed", route, actor, site=key)


def _may_pause(drain: bool) -> Q:
    return Q(paused_at=None) if drain else Q(paused_at=None) | Q(drain=True)


def remove(route: Route, *, actor: Actor) -> bool:
    """False while a mailing names it: what was sent over it must stay told."""
    try:
        Route.objects.filter(pk=route.pk).exclude(kind=Route.Kind.SANDBOX).delete()
    except ProtectedError:
        return False
    return _recorded(not Route.objects.filter(pk=route.pk).exists(), "route.removed", route, actor)


def limit_of(route: Route) -> Limit:
    """The limit of the whole route, new if it has none yet."""
    none = {"route": route, "site": None, "sending_domain": None, "workspace": None}
    return Limit.objects.filter(**none).first() or Limit(**none)


def site_limits(route: Route) -> list[Limit]:
    """The limits of single providers over this route."""
    return list(Limit.objects.filter(route=route, site__isnull=False).select_related("site").order_by("site__key"))


def limit_site(route: Route, key: str, figures: dict[str, Any], *, actor: Actor) -> None:
    """Set the limits of one provider; all empty takes them away."""
    site = sites.named(key)
    if any(value is not None for value in figures.values()):
        Limit.objects.update_or_create(route=route, site=site, sending_domain=None, workspace=None, defaults=figures)
    else:
        Limit.objects.filter(route=route, site=site).delete()
    audit.record(actor, None, "route.site_limited", route, site=key)


def paused_providers(route: Route) -> list[str]:
    """Keys of those that a person paused over it."""
    ours = buckets.site_key(route.pk, 0).removesuffix("0")
    held = Bucket.objects.filter(key__startswith=ours, paused_at__isnull=False).values_list("key", flat=True)
    ids = [int(key.removeprefix(ours)) for key in held]
    return list(Site.objects.filter(pk__in=ids).order_by("key").values_list("key", flat=True))


def known_site(key: str) -> bool:
    """Whether a provider or another site has this key."""
    return key in providers.named() or Site.objects.filter(key=key).exists()


def busy(route: Route) -> bool:
    open_states = (Mailing.State.EXPANDING, Mailing.State.SENDING, Mailing.State.PAUSED)
    return Mailing.objects.filter(routes=route, state__in=open_states).exists()


def _recorded(done: bool, action: str, route: Route, actor: Actor, **data: Any) -> bool:
    if done:
        audit.record(actor, None, action, route, **data)
    return done
