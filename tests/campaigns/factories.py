"""Campaigns for generated tests."""

from __future__ import annotations

from accounts.models import Workspace
from campaigns import editing
from campaigns.models import Campaign
from campaigns.urls import urlpatterns
from tests.factories import factory

NAMES = [f"campaigns:{pattern.name}.pk" for pattern in urlpatterns]


@factory(*NAMES)
def campaign(workspace: Workspace) -> Campaign:
    return editing.create(workspace, None, name="Autumn", subject="New tea", html="<p>Hello</p>")
