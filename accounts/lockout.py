"""What django-axes asks of us: who tried, from where, and what a locked-out person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def tried_name(request: HttpRequest | None, credentials: Mapping[str, Any] | None) -> str:
    """The address that was typed, in one spelling. allauth says "email", Django "username"."""
    given = credentials or {}
    name = given.get("email") or given.get("username") or (request.POST.get("login") if request else "")
    return str(name or "").strip().lower()


def client_address(request: HttpRequest) -> str:
    """`config.middleware.ClientAddress` has already looked behind our own proxies, and only those."""
    return str(request.META.get("REMOTE_ADDR", ""))


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """The same for every name, known or not."""
    minutes = round(settings.AXES_COOLOFF_TIME * 60)
    return render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
