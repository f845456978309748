"""What large receivers want of one sender's connections, where no limit says otherwise."""

from __future__ import annotations

import re

import pytest

from delivery import buckets, connection_limits, providers, site_defaults
from delivery.buckets import Sender
from delivery.models import Limit, Route, Site

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("manners", site_defaults.known().values(), ids=lambda one: one.provider)
def test_every_default_names_a_provider_a_source_and_a_date(manners: site_defaults.Manners) -> None:
    assert manners.provider in providers.named()
    assert not manners.published or manners.source.startswith("https://")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", manners.date)
    assert min(manners.connections, manners.per_connection, manners.idle_seconds) > 0


def test_docomo_gets_no_more_than_a_hundred_over_one_session_and_yahoo_twenty() -> None:
    assert site_defaults.known()["docomo"].per_connection <= 100
    assert site_defaults.known()["yahoo"].per_connection <= 20


def test_a_default_holds_until_a_figure_is_set_for_the_provider() -> None:
    route = Route.objects.create(name="Direct", kind=Route.Kind.DIRECT)
    site = Site.objects.create(key="docomo", provider="docomo")
    key = buckets.site_key(route.pk, site.pk)
    found = connection_limits.of(route, site.pk, Sender())
    assert (found.shared, found.messages, found.idle) == (((key, 3),), 100, 5)

    Limit.objects.create(route=route, site=site, connections=7, idle_seconds=30)

    found = connection_limits.of(route, site.pk, Sender())
    assert (found.shared, found.messages, found.idle) == (((key, 7),), 100, 30)


def test_nothing_is_assumed_of_others_and_of_smarthosts() -> None:
    route = Route.objects.create(name="Direct", kind=Route.Kind.DIRECT)
    other = Site.objects.create(key="small.example")

    for site in (other.pk, None):
        found = connection_limits.of(route, site, Sender())
        assert (found.shared, found.messages, found.idle) == ((), connection_limits.DEFAULT_PER_CONNECTION, None)
