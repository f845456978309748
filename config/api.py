"""The API, version 1: every app's operations under one address, with its OpenAPI document and a page to try it."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, re_path

from accounts.api import Api, documented, not_found
from analytics.api import router as reports
from campaigns import api as campaigns
from config.reference import Reference
from contacts import api as contacts
from delivery import api as delivery

api = Api(
    title="Shirase",
    version="1",
    urls_namespace="api",
    docs=Reference(),
    description=(
        "The whole job by HTTP: lists, contacts, imports, campaigns, delivery and why it failed. Send a key made under "
        "Settings → API keys as `Authorization: Bearer …`. Errors are problem documents (RFC 9457)."
    ),
)
api.add_router("/lists", contacts.lists)
api.add_router("/contacts", contacts.people)
api.add_router("/fields", contacts.fields)
api.add_router("/imports", contacts.imports)
api.add_router("/suppressions", contacts.suppressions)
api.add_router("/domains", delivery.domains)
api.add_router("/from-addresses", delivery.from_addresses)
api.add_router("/routes", delivery.routes)
api.add_router("/brakes", delivery.brakes)
api.add_router("/messages", delivery.messages)
api.add_router("/campaigns", campaigns.writing)
api.add_router("/campaigns", campaigns.sending)
api.add_router("/campaigns", reports)


def urls() -> tuple[list[URLPattern | URLResolver], str, str]:
    """django-ninja's addresses, then one that answers every other as the rest of the API does."""
    patterns, app_name, namespace = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = documented(pattern.callback)
    return [*patterns, re_path("", not_found)], app_name, namespace
