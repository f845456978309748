"""`/metrics`: how the install is, for Prometheus (docs/operations.md says what each figure means).

Every figure comes from the database or the broker, so that whichever web process answers says the same.
"""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.metrics import exposition, figures


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 where it is not offered, 403 for whoever may not read it."""
    if not (settings.METRICS_TOKEN or settings.METRICS_ALLOW or settings.EMBEDDED):
        raise Http404
    if not may_read(request):
        return HttpResponseForbidden("Forbidden\n", content_type="text/plain")
    return HttpResponse(exposition.text(figures.all_figures()), content_type=exposition.CONTENT_TYPE)


def may_read(request: HttpRequest) -> bool:
    """Whatever of METRICS_TOKEN and METRICS_ALLOW is set must hold; with neither only this machine may."""
    if not (settings.METRICS_TOKEN or settings.METRICS_ALLOW):
        return _from_this_machine(request)
    token_fits = not settings.METRICS_TOKEN or _has_token(request)
    return token_fits and (not settings.METRICS_ALLOW or _is_allowed(request))


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(
        given.strip().encode(), settings.METRICS_TOKEN.encode()
    )


def _is_allowed(request: HttpRequest) -> bool:
    address = _address(request)
    return address is not None and any(address in network for network in settings.METRICS_ALLOW)


def _from_this_machine(request: HttpRequest) -> bool:
    """What a proxy passes on comes from this machine only as it seems, where PROXY_HOPS does not tell of the proxy."""
    address = _address(request)
    return address is not None and address.is_loopback and "X-Forwarded-For" not in request.headers


def _address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
