from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import api_keys, audit
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey
from accounts.roles import Can, requires


@never_cache
@requires(Can.MANAGE_WORKSPACE)
def keys(request: Any) -> HttpResponse:
    """The keys. A new token is in this answer only: it is kept nowhere, not even in the session."""
    manages = request.can(Can.MANAGE_INSTALL)
    form = ApiKeyForm(request.POST or None, install_admin=manages)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    key, token = api_keys.create(
        request.workspace,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        by=request.user,
        expires_at=form.expires_at(),
        networks=form.cleaned_data["networks"],
    )
    audit.record(request, request.workspace, "api_key.created", key, prefix=key.prefix, scopes=key.scopes)
    return _page(request, ApiKeyForm(install_admin=manages), key=key, token=token)


def _page(request: Any, form: ApiKeyForm, **more: Any) -> HttpResponse:
    now = timezone.now()
    rows = [
        {"key": key, "scopes": [api_keys.Scope(scope).label for scope in key.scopes], "works": key.works(now)}
        for key in ApiKey.objects.of(request.workspace).select_related("created_by")
    ]
    context = {"form": form, "rows": rows, **more}
    return render(request, "accounts/api_keys.html", context, status=422 if form.errors else 200)


@requires(Can.MANAGE_WORKSPACE)
@require_POST
def revoke(request: Any, api_key: int) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.of(request.workspace), pk=api_key)
    if api_keys.revoke(key):
        audit.record(request, request.workspace, "api_key.revoked", key, prefix=key.prefix)
        messages.success(request, _("“%(name)s” no longer works.") % {"name": key.name})
    return redirect("accounts:api_keys")
