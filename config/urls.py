"""Every address of the install: each app brings its own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from config import api, health
from config.metrics import views as metrics

# Left to right as the layers.
APPS = ("accounts", "contacts", "delivery", "campaigns", "analytics")

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/v1/", api.urls()),
    *(path("", include(f"{app}.urls")) for app in APPS),
]
