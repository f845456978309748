"""Routes: kept, paused, resumed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor
from delivery import providers
from delivery.models import Bucket, Limit, Mailing, Route, Site

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


def pause(route: Route, *, actor: Actor) -> bool:
    """Nothing leaves over it until it is resumed; mailings on it wait."""
    done = Route.objects.filter(pk=route.pk, paused_at=None).update(paused_at=timezone.now(), pause_reason="manual")
    return _recorded(bool(done), "route.paused", route, actor)


def resume(route: Route, *, actor: Actor) -> bool:
    done = Route.objects.filter(pk=route.pk, paused_at__isnull=False).update(paused_at=None, pause_reason="")
    if done:
        Bucket.objects.filter(key__regex=rf"^route:{route.pk}(/|$)").update(closed_until=None, closings=0)
    return _recorded(bool(done), "route.resumed", route, actor)


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
    site, _new = Site.objects.get_or_create(key=key, defaults={"provider": key if key in providers.named() else ""})
    if any(value is not None for value in figures.values()):
        Limit.objects.update_or_create(route=route, site=site, sending_domain=None, workspace=None, defaults=figures)
    else:
        Limit.objects.filter(route=route, site=site).delete()
    audit.record(actor, None, "route.site_limited", route, site=key)


def busy(route: Route) -> bool:
    open_states = (Mailing.State.EXPANDING, Mailing.State.SENDING, Mailing.State.PAUSED)
    return Mailing.objects.filter(routes=route, state__in=open_states).exists()


def _recorded(done: bool, action: str, route: Route, actor: Actor) -> bool:
    if done:
        audit.record(actor, None, action, route)
    return done
