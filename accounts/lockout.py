"""What django-axes asks of us: who tried, from where, how often they may, and what a locked-out person reads."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_cool_off
from django.conf import settings
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

# Failures in the cool-off, in the order of AXES_LOCKOUT_PARAMETERS: of one account from one address, of one account
# from anywhere (a guess spread over many machines), of one address for any account (an office shares one).
MOST = (settings.AXES_FAILURE_LIMIT, 50, 100)
LONGEST_NAME = 255  # characters that axes keeps; no address of ours is longer


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # axes ships no types
    """axes knows one limit for all its parameters; ours differ, so that each count is told as a share of its own."""

    def get_failures(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> int:
        """The largest share of a limit that is used up, where AXES_FAILURE_LIMIT is the whole of it."""
        return max(failures * MOST[0] // most for failures, most, _last in self._counted(request, credentials))

    def minutes_left(self, request: HttpRequest, credentials: Mapping[str, Any] | None) -> int:
        """Until all that lock are forgotten; counted up, at least 1."""
        now = timezone.now()
        lasts = [last for failures, most, last in self._counted(request, credentials) if failures >= most]
        left: dt.timedelta = max(lasts, default=now) + get_cool_off(request) - now
        return max(1, math.ceil(left / dt.timedelta(minutes=1)))

    def _counted(
        self, request: HttpRequest, credentials: Mapping[str, Any] | None
    ) -> Iterator[tuple[int, int, dt.datetime]]:
        """(failures, how many may be, when the last was)."""
        for found, most in zip(self.get_user_attempts(request, credentials), MOST, strict=True):
            row = found.aggregate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
            yield row["failures"] or 0, most, row["last"]


def tried_name(request: HttpRequest | None, credentials: Mapping[str, Any] | None) -> str:
    """The address that was typed, in one spelling. allauth says "email", Django "username"."""
    given = credentials or {}
    name = given.get("email") or given.get("username") or (request.POST.get("login") if request else "")
    return str(name or "").strip().lower()[:LONGEST_NAME]


def client_address(request: HttpRequest) -> str:
    """`config.middleware.ClientAddress` has already looked behind our own proxies, and only those."""
    return str(request.META.get("REMOTE_ADDR", ""))


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: Mapping[str, Any], *_: Any
) -> HttpResponse:
    """The same for every name, known or not."""
    minutes = Handler().minutes_left(request, credentials)
    return render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
