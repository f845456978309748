"""Settings of sending: domains and senders (a workspace's), routes and limits (the install's)."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.roles import Can, WorkspaceRequest, requires
from accounts.views.back import back_to
from delivery import brakes, dkim_keys, domain_checks, domains, route_rows, route_test, routes, site_defaults, warmups
from delivery.dmarc import page as dmarc_page
from delivery.forms import BrakesForm, DomainForm, FromAddressForm, LimitForm, RouteForm, SiteLimitForm, WarmUpForm
from delivery.models import FromAddress, Limit, Route, SendingDomain


def domain_of(request: WorkspaceRequest, pk: int) -> SendingDomain:
    return get_object_or_404(SendingDomain.objects.of(request.workspace).select_related("workspace"), pk=pk)


@requires(Can.VIEW, post=Can.MANAGE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def list_domains(request: WorkspaceRequest) -> HttpResponse:
    form = DomainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            domain = domains.add(request.workspace, form.cleaned_data["name"], actor=request)
            return redirect("delivery:domain", domain.pk)
        except domains.Taken:
            form.add_error("name", _("Another workspace of this install has verified this domain."))
    context = {"domains": SendingDomain.objects.of(request.workspace).prefetch_related("from_addresses"), "form": form}
    return render(request, "delivery/domains.html", context, status=422 if form.is_bound else 200)


@requires(Can.VIEW)
@require_GET
def domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    return _domain_page(request, domain_of(request, pk))


def _domain_page(
    request: WorkspaceRequest, shown: SendingDomain, form: FromAddressForm | None = None, limit: LimitForm | None = None
) -> HttpResponse:
    rows = domains.rows(shown)
    context = {
        "domain": shown,
        "domains": SendingDomain.objects.of(request.workspace),
        "rows": rows,
        "unnamed": "" if "." in settings.SMTP_HOSTNAME else settings.SMTP_HOSTNAME,
        "relays": ", ".join(domains.smarthosts(shown).values_list("name", flat=True)),
        "right": sum(1 for row in rows if row.status == "ok"),
        "former_kept": next((dkim_keys.kept_until(key) for key in dkim_keys.former(shown)), None),
        "key_waits": dkim_keys.waiting(shown),
        "key_made": dkim_keys.current(shown),
        "form": form or FromAddressForm(domain=shown),
        "dmarc": None if shown.sandbox else dmarc_page.of(shown),
        "limit": limit or LimitForm(instance=domains.limit_of(shown)),
        "watching": shown.verified_at is None and timezone.now() - shown.created_at < domain_checks.WATCHED_FOR,
    }
    status = 422 if (form and form.is_bound) or (limit and limit.is_bound) else 200
    return render(request, "delivery/domain.html", context, status=status)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def check_domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    domain_checks.check(domain_of(request, pk))
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def renew_key(request: WorkspaceRequest, pk: int) -> HttpResponse:
    if domains.renew_key(domain_of(request, pk), actor=request):
        messages.success(request, _("A new key was made. Publish its record; it signs once we see it there."))
    else:
        messages.error(request, _("Nothing was changed: a key of this domain still waits for its record."))
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def limit_domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = domain_of(request, pk)
    form = LimitForm(request.POST, instance=domains.limit_of(shown))
    if not form.is_valid():
        return _domain_page(request, shown, limit=form)
    domains.limit(form, actor=request)
    messages.success(request, _("Saved. It holds for every worker within half a minute."))
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def switch_live(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = domain_of(request, pk)
    if "off" in request.POST:
        domains.leave_live(shown, actor=request)
        return redirect("delivery:domain", pk)
    try:
        domains.go_live(shown, by=request.user, actor=request)
        messages.success(request, _("%(domain)s is live: its campaigns leave this server.") % {"domain": shown})
    except domains.CannotGoLive as why:
        messages.error(request, str(domains.WHY_NOT_LIVE[str(why)]))
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def remove_domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    if domains.remove(domain_of(request, pk), actor=request):
        messages.success(request, _("The domain was removed."))
        return redirect("delivery:domains")
    messages.error(request, _("Mail was sent from this domain, so it stays with its reports."))
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def add_address(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = domain_of(request, pk)
    form = FromAddressForm(request.POST, domain=shown)
    if not form.is_valid():
        return _domain_page(request, shown, form)
    form.instance.workspace, form.instance.sending_domain = request.workspace, shown
    audit.record(request, request.workspace, "from_address.added", form.save())
    return redirect("delivery:domain", pk)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def remove_address(request: WorkspaceRequest, pk: int) -> HttpResponse:
    address = get_object_or_404(FromAddress.objects.of(request.workspace), pk=pk)
    if not domains.remove_address(address, actor=request):
        messages.error(request, _("Mail was sent from this address, so it stays."))
    return redirect("delivery:domain", address.sending_domain_id)


@requires(Can.VIEW)
@require_GET
def list_routes(request: WorkspaceRequest) -> HttpResponse:
    """An install administrator sees all routes; others those that their workspace may use."""
    shown = (
        Route.objects.all() if request.can(Can.MANAGE_INSTALL) else Route.objects.filter(workspaces=request.workspace)
    )
    rows = route_rows.rows(list(shown), everything=request.can(Can.MANAGE_INSTALL))
    return render(request, "delivery/routes.html", {"rows": rows})


@requires(Can.MANAGE_INSTALL)
@require_http_methods(["GET", "POST"])
def edit_route(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    route = get_object_or_404(Route.objects.exclude(kind=Route.Kind.SANDBOX), pk=pk) if pk else Route()
    limit = routes.limit_of(route) if pk else Limit()
    initial = {} if pk else {"workspaces": [request.workspace], "ehlo_name": ""}
    form = RouteForm(request.POST or None, instance=route, initial=initial)
    limit_form = LimitForm(request.POST or None, instance=limit, prefix="limit")
    if request.method == "POST" and form.is_valid() and limit_form.is_valid():
        route = routes.save(form, limit_form, actor=request)
        messages.success(request, _("Saved. Test it now: nothing was sent over it yet."))
        return redirect("delivery:route", route.pk)
    return route_page(request, route, form, limit_form)


def route_page(
    request: WorkspaceRequest,
    route: Route,
    form: RouteForm | None = None,
    limit_form: LimitForm | None = None,
    site_form: SiteLimitForm | None = None,
    warm_up_form: WarmUpForm | None = None,
) -> HttpResponse:
    """A route with whatever form was refused."""
    shown = form or RouteForm(instance=route)
    limit = routes.limit_of(route) if route.pk else Limit()
    context = {
        "route": route,
        "form": shown,
        "limit_form": limit_form or LimitForm(instance=limit, prefix="limit"),
        "site_form": site_form or SiteLimitForm(prefix="site"),
        "providers": route_rows.providers(route) if route.pk else [],
        "now": route_rows.rows([route], everything=True)[0] if route.pk else None,
        "manners": list(site_defaults.known().values()),
        "plans": [(shown, WarmUpForm.of(shown.plan)) for shown in warmups.shown(route)],
        "warm_up_form": warm_up_form or WarmUpForm(route=route, prefix="warm"),
        "presets": route_test.PRESETS,
    }
    refused = any(one is not None and one.is_bound for one in (form, limit_form, site_form, warm_up_form))
    return render(request, "delivery/route.html", context, status=422 if refused else 200)


@requires(Can.MANAGE_INSTALL)
@require_POST
def limit_site(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What one provider takes over this route."""
    route = get_object_or_404(Route, pk=pk)
    form = SiteLimitForm(request.POST, prefix="site")
    if not form.is_valid():
        return route_page(request, route, site_form=form)
    figures = {name: value for name, value in form.cleaned_data.items() if name != "site"}
    routes.limit_site(route, form.cleaned_data["site"], figures, actor=request)
    messages.success(request, _("Saved. It holds for every worker within half a minute."))
    return redirect("delivery:route", pk)


@requires(Can.MANAGE_INSTALL)
@require_POST
def test_route(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Connect, say EHLO, secure, sign in: each step in words. No mail is sent."""
    route = get_object_or_404(Route, pk=pk)
    return render(request, "delivery/_route_test.html", {"route": route, "result": route_test.run(route)})


@requires(Can.MANAGE_INSTALL)
@require_POST
def pause_route(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """`do` is pause, drain or resume."""
    route = get_object_or_404(Route, pk=pk)
    match request.POST.get("do"):
        case "pause":
            routes.pause(route, actor=request)
        case "drain":
            routes.pause(route, actor=request, drain=True)
        case "resume":
            routes.resume(route, actor=request)
        case _:
            return HttpResponseBadRequest()
    return back_to(request, reverse("delivery:routes"))


@requires(Can.MANAGE_INSTALL)
@require_POST
def hold_provider(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """`do` as of a route; `site` is the provider's key, or that of another site once mail went there."""
    route = get_object_or_404(Route, pk=pk, kind=Route.Kind.DIRECT)
    site = request.POST.get("site") or request.POST.get("site-site", "")  # of the form of its limits
    if not routes.known_site(site):
        return HttpResponseBadRequest()
    match request.POST.get("do"):
        case "pause":
            routes.pause_provider(route, site, actor=request)
        case "drain":
            routes.pause_provider(route, site, actor=request, drain=True)
        case "resume":
            routes.resume_provider(route, site, actor=request)
        case _:
            return HttpResponseBadRequest()
    return back_to(request, reverse("delivery:route", args=[pk]))


@requires(Can.MANAGE_INSTALL)
@require_POST
def remove_route(request: WorkspaceRequest, pk: int) -> HttpResponse:
    if not routes.remove(get_object_or_404(Route, pk=pk), actor=request):
        messages.error(request, _("Mail was sent over this route, so it stays for the reports. You can pause it."))
    return redirect("delivery:routes")


@requires(Can.VIEW, post=Can.MANAGE_WORKSPACE)
@require_http_methods(["GET", "POST"])
def edit_brakes(request: WorkspaceRequest) -> HttpResponse:
    """When a campaign of this workspace pauses itself."""
    form = BrakesForm(request.POST or None, instance=brakes.of(request.workspace))
    if request.method == "POST" and form.is_valid():
        brakes.save(form, actor=request)
        messages.success(request, _("Saved. It holds at once, also for campaigns under way."))
        return redirect("delivery:brakes")
    return render(request, "delivery/brakes.html", {"form": form}, status=422 if form.is_bound else 200)
