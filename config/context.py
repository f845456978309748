"""What every page may use."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from delivery import mail


def shell(request: HttpRequest) -> dict[str, Any]:
    """`notices_stay_here`: whether resets and invitations only reach the sandbox mailbox (asked only where shown)."""
    return {
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "base_url": settings.BASE_URL,
        "notices_stay_here": SimpleLazyObject(mail.stays_here),
    }
