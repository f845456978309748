"""Domains and routes through their pages; the one-time DNS answers are the only thing invented."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, Workspace
from delivery import domains
from delivery.models import Brakes, FromAddress, Limit, Route, SendingDomain, WarmUp
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def admin(client: Client, workspace: Workspace) -> Client:
    person = make_member(workspace, Role.ADMIN, is_install_admin=True)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


ROUTE = {"name": "Relay", "kind": "smarthost", "host": "smtp.example.com", "port": 587, "security": "starttls"}


def test_a_password_is_sealed_and_never_shown(admin: Client, workspace: Workspace) -> None:
    form = {**ROUTE, "username": "shop", "password": "kamome-7", "workspaces": [workspace.pk]}
    admin.post(reverse("delivery:route_new"), form)
    route = Route.objects.get(name="Relay")
    assert "kamome" not in route.password_sealed
    assert b"kamome" not in admin.get(reverse("delivery:route", args=[route.pk])).content
    admin.post(reverse("delivery:route", args=[route.pk]), {**form, "password": ""})
    assert Route.objects.get().password_sealed == route.password_sealed


def test_a_password_is_never_sent_in_clear(admin: Client) -> None:
    answer = admin.post(
        reverse("delivery:route_new"), {**ROUTE, "username": "shop", "password": "x", "security": "none"}
    )
    assert answer.status_code == 422 and b"never sent in clear" in answer.content
    assert not Route.objects.exists()


@pytest.mark.parametrize("host", ["smtp example.com", "smtp.example.com\r\nQUIT", "-x.example.com", "a" * 300])
def test_a_host_that_is_none_is_refused(admin: Client, host: str) -> None:
    assert admin.post(reverse("delivery:route_new"), {**ROUTE, "host": host}).status_code == 422


def test_a_provider_is_limited_and_the_limit_taken_away(admin: Client) -> None:
    route = Route.objects.create(name="Direct", kind=Route.Kind.DIRECT, port=25)
    url = reverse("delivery:route_site", args=[route.pk])
    admin.post(url, {"site-site": "gmail", "site-per_second": "5", "site-connections": "2", "site-idle_seconds": "7"})
    limit = Limit.objects.get(route=route, site__key="gmail")
    assert (limit.per_second, limit.connections, limit.idle_seconds) == (5, 2, 7)
    assert b"help.yahoo.com/kb/SLN3433.html" in admin.get(reverse("delivery:route", args=[route.pk])).content
    assert b"Gmail" in admin.get(reverse("delivery:route", args=[route.pk])).content
    admin.post(url, {"site-site": "gmail"})
    assert not Limit.objects.exists()


def test_a_domain_is_limited_in_speed_and_connections(admin: Client, workspace: Workspace) -> None:
    domain = domains.add(workspace, "news.example.com", actor=None)
    url = reverse("delivery:domain_limit", args=[domain.pk])
    admin.post(url, {"per_second": "5", "connections": "2", "per_connection": "50"})
    page = admin.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
    for name, value in (("per_second", "5.0"), ("connections", "2"), ("per_connection", "50")):
        assert re.search(f'name="{name}"[^>]*value="{value}"', page)
    answer = admin.post(url, {"connections": "0"})
    assert answer.status_code == 422 and b"More than 0" in answer.content
    limit = Limit.objects.get(sending_domain=domain)
    assert (limit.connections, limit.per_connection) == (2, 50)


def test_a_domain_gets_a_key_and_its_records(admin: Client) -> None:
    admin.post(reverse("delivery:domains"), {"name": "News.Example.com"})
    domain = SendingDomain.objects.get(name="news.example.com")
    page = admin.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
    for record in domains.records(domain):
        assert record.host.replace(".", '.</span><span class="whole">') in page
    assert "v=DKIM1" in page


def test_a_domain_verified_in_one_workspace_cannot_be_claimed_by_another(admin: Client) -> None:
    theirs = domains.add(make_workspace("Another brand"), "news.example.com", actor=None)
    SendingDomain.objects.filter(pk=theirs.pk).update(verified_at="2026-01-01T00:00Z")
    answer = admin.post(reverse("delivery:domains"), {"name": "news.example.com"})
    assert answer.status_code == 422 and b"Another workspace" in answer.content


def test_only_a_verified_domain_with_https_links_goes_live(admin: Client, workspace: Workspace) -> None:
    domain = domains.add(workspace, "news.example.com", actor=None)
    url = reverse("delivery:domain_live", args=[domain.pk])
    admin.post(url)
    SendingDomain.objects.update(verified_at="2026-01-01T00:00Z")
    with override_settings(TRACKING_URL="http://mail.example.com"):
        admin.post(url)
    domain.refresh_from_db()
    assert not domain.live
    with override_settings(TRACKING_URL="https://mail.example.com"):
        admin.post(url)
    domain.refresh_from_db()
    assert domain.live


@pytest.mark.parametrize("name", ["News\r\nBcc: x@y", "News\x00", "News\u2028x"])
def test_a_from_name_with_a_control_character_is_refused(admin: Client, workspace: Workspace, name: str) -> None:
    domain = domains.add(workspace, "news.example.com", actor=None)
    answer = admin.post(reverse("delivery:address_add", args=[domain.pk]), {"name": name, "local_part": "hello"})
    assert answer.status_code == 422
    assert not FromAddress.objects.filter(sending_domain=domain).exists()


def test_the_page_of_one_domain_stands_under_the_tab_of_all(admin: Client, workspace: Workspace) -> None:
    domain = domains.add(workspace, "mail.example.com", actor=None)
    page = admin.get(reverse("delivery:domain", args=[domain.pk])).content.decode()
    assert re.findall(r'<a href="([^"]+)" aria-current="true">', page) == [reverse("delivery:domains")]
    page = admin.get(reverse("delivery:domains")).content.decode()
    assert re.findall(r'<a href="([^"]+)" aria-current="page">Domains', page) == [reverse("delivery:domains")]


def test_records_that_name_a_server_nobody_can_find_are_not_shown_without_a_word(admin: Client) -> None:
    admin.post(reverse("delivery:domains"), {"name": "news.example.jp"})
    page = reverse("delivery:domain", args=[SendingDomain.objects.get(name="news.example.jp").pk])
    for host, told in (("localhost", True), ("mail.example.jp", False)):
        with override_settings(SMTP_HOSTNAME=host):
            assert (b"has no name of its own" in admin.get(page).content) is told


def test_who_sends_over_a_smarthost_is_told_what_spf_needs_besides(admin: Client, workspace: Workspace) -> None:
    page = reverse("delivery:domain", args=[domains.add(workspace, "news.example.jp", actor=None).pk])
    assert b"include:spf.example.net" not in admin.get(page).content
    admin.post(reverse("delivery:route_new"), {**ROUTE, "workspaces": [workspace.pk]})
    assert "Mail over Relay comes from that service's servers" in html.unescape(admin.get(page).content.decode())


def test_an_admin_sets_when_campaigns_pause_themselves(admin: Client, workspace: Workspace) -> None:
    shown = admin.get(reverse("delivery:brakes")).content.decode()
    assert 'value="10"' in shown and 'value="0.3"' in shown, "the defaults"
    refused = admin.post(reverse("delivery:brakes"), {"unknown_users": "0", "blocks": "101", "complaints": "x"})
    assert refused.status_code == 422 and not Brakes.objects.exists()
    admin.post(reverse("delivery:brakes"), {"unknown_users": "5", "blocks": "", "complaints": "0.1"})
    row = Brakes.objects.get(workspace=workspace)
    assert (float(row.unknown_users or 0), row.blocks, float(row.complaints or 0)) == (5, None, 0.1)
    assert AuditEntry.objects.filter(workspace=workspace, action="brakes.saved").exists()


def test_others_read_the_brakes_and_cannot_set_them(client: Client, workspace: Workspace) -> None:
    client.force_login(
        make_member(workspace, Role.SENDER), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert 'name="blocks"' not in client.get(reverse("delivery:brakes")).content.decode()
    assert client.post(reverse("delivery:brakes"), {"blocks": "1"}).status_code == 403


PLAN = {"warm-provider": "all", "warm-starts_on": "2026-11-20", "warm-caps": "200 400, 1,600"}


def test_a_warm_up_plan_is_begun_changed_paused_and_removed(admin: Client) -> None:
    route = Route.objects.create(name="Direct", kind=Route.Kind.DIRECT, port=25)
    page, url = reverse("delivery:route", args=[route.pk]), reverse("delivery:warm_up", args=[route.pk])
    today = timezone.localdate().isoformat()
    assert admin.post(url, PLAN | {"warm-starts_on": today}).status_code == 302
    plan = WarmUp.objects.get()
    assert (plan.site, plan.caps) == (None, [200, 400, 1600])
    assert "Day 1 of 3: 0 of 200 in the last 24 hours." in admin.get(page).content.decode()

    admin.post(url, PLAN | {"warm-starts_on": today, "warm-provider": "gmail", "warm-caps": "50"})
    assert WarmUp.objects.get(site__key="gmail").caps == [50]
    admin.post(url, PLAN | {"warm-starts_on": today, "warm-caps": "300"})
    plan.refresh_from_db()
    assert plan.caps == [300]

    admin.post(reverse("delivery:warm_up_pause", args=[plan.pk]))
    assert "it stays at this day until it goes on" in admin.get(page).content.decode()
    admin.post(reverse("delivery:warm_up_remove", args=[plan.pk]))
    assert [one.site and one.site.key for one in WarmUp.objects.all()] == ["gmail"]
    told = {"warm_up.saved", "warm_up.paused", "warm_up.removed"}
    assert told <= set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.parametrize("caps", ["", "0", "-5", "many", "200 " * 91, "9" * 30])
def test_a_plan_that_is_none_is_refused(admin: Client, caps: str) -> None:
    route = Route.objects.create(name="Relay", kind=Route.Kind.SMARTHOST, host="smtp.example.com")
    form = PLAN | {"warm-starts_on": timezone.localdate().isoformat(), "warm-caps": caps}
    answer = admin.post(reverse("delivery:warm_up", args=[route.pk]), form)
    assert answer.status_code == 422
    assert not WarmUp.objects.exists()
