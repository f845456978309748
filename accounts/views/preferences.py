from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.middleware import THEME_COOKIE
from accounts.models import Language, Theme, User
from accounts.views.back import back_to

A_YEAR = 365 * 24 * 3600


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """The language and theme switches: kept with the person, and in a cookie for when nobody is signed in."""
    response = back_to(request)
    language, theme = request.POST.get("language"), request.POST.get("theme")
    changes: dict[str, str] = {}
    if language in Language.values:
        changes["language"] = language
        _remember(response, settings.LANGUAGE_COOKIE_NAME, language)
    if theme in Theme.values:
        changes["theme"] = theme
        _remember(response, THEME_COOKIE, theme)
    if changes and request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(**changes)
    return response


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR, samesite="Lax", secure=settings.HTTPS)
