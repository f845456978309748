"""What stands below the causes: waiting times, proofs, what changed, the table of codes."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, Workspace
from analytics import ageing, changes, codes, health, proofs, waits
from analytics.health import Choice
from analytics.models import HealthHour, HealthWait
from analytics.waiting import waiting
from delivery import domain_changes
from delivery.knowledge import Category
from delivery.models import Route
from tests.delivery.queue import world as worlds
from tests.delivery.queue.world import World
from tests.factories import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return worlds.make()


def choice(world: World, days: int = 30) -> Choice:
    return Choice(workspace=world.workspace, days=days, sandbox=False, until=timezone.now())


def failed(world: World, provider: str, cause: str, code: str, n: int, *, outcome: str = "failed") -> None:
    at = timezone.now() - timedelta(minutes=5)
    HealthHour.objects.create(
        workspace=world.workspace, sandbox=False, hour=at.replace(minute=0, second=0, microsecond=0),
        sending_domain=world.from_address.sending_domain, provider=provider, outcome=outcome, cause=cause, code=code,
        n=n, first_at=at, last_at=at,
    )  # fmt: skip


def waited(world: World, provider: str, seconds: float, n: int) -> None:
    step = next(step for step, bound in enumerate((*waits.BOUNDS, float("inf"))) if seconds < bound)
    HealthWait.objects.create(
        workspace=world.workspace, sandbox=False, hour=timezone.now() - timedelta(hours=2),
        sending_domain=world.from_address.sending_domain, provider=provider, step=step, n=n,
    )  # fmt: skip


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_the_slowest_provider_is_the_finding(world: World, days: int) -> None:
    waited(world, "gmail", 1000, 100)
    waited(world, "docomo", 2, 200)
    waited(world, "outlook", 2000, 3)  # too few to be a finding
    found = waiting(choice(world, days), [])
    assert found
    assert found.finding.startswith("Gmail answers late: 95% within")
    assert [row.provider for row in found.rows] == ["docomo", "gmail", "outlook"]
    lines = {line["name"]: line for line in found.data["series"]}
    assert lines["Gmail"]["main"] and not lines["NTT docomo"]["main"]
    assert len(set(found.data["labels"])) == len(lines["Gmail"]["values"])
    assert sum(value is not None for value in lines["Gmail"]["values"]) == 1


def test_what_changed_is_told_to_those_whose_route_it_is(world: World) -> None:
    ours, others = world.route, Route.objects.create(name="Theirs", kind=Route.Kind.DIRECT)
    ours.workspaces.add(world.workspace)
    for route in (ours, others):
        audit.record(None, None, "route.paused", route)
    audit.record(None, world.workspace, "campaign.create", "nothing to do with it")
    audit.record(None, Workspace.objects.create(name="Other"), "domain.not_live", "other.example")
    found = changes.changes(choice(world))
    assert [one.words for one in found] == ["Paused a route: Receiver"]
    waited(world, "gmail", 2, 60)
    drawn = waiting(choice(world), found)
    assert drawn and drawn.data["marks"] == [{"at": drawn.data["labels"][-1], "label": "route paused"}]


@pytest.mark.parametrize(
    ("was", "now", "action"),
    [
        ("ok", "missing", "domain.record_gone"),
        ("ok", "different", "domain.record_gone"),
        ("missing", "ok", "domain.record_back"),
        ("ok", "unchecked", None),
        ("ok", "ok", None),
    ],
)
def test_a_record_that_goes_or_comes_back_is_noted(world: World, was: str, now: str, action: str | None) -> None:
    domain = world.from_address.sending_domain
    domain.checks = {"dkim": {"status": was}}
    domain_changes.note(domain, {"dkim": {"status": now}})
    found = changes.changes(choice(world))
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ([action] if action else [])
    assert all("news.example.com (DKIM)" in one.words for one in found)


def test_proofs_are_of_those_who_took_it_or_refused_it_for_want_of_one(world: World) -> None:
    failed(world, "gmail", "", "", 90, outcome="delivered")
    failed(world, "gmail", "dkim_failed", "550 5.7.26", 10)
    failed(world, "gmail", "no_such_user", "550 5.1.1", 50)
    (one,) = proofs.proofs(choice(world))
    assert (one.judged, one.refused) == (100, {Category.AUTH_DKIM: 10})
    assert one.named == [(100, "SPF"), (90, "DKIM"), (100, "DMARC")]


def test_the_table_of_codes_adds_up_and_is_exported_safely(world: World, client: Client) -> None:
    failed(world, "gmail", "no_such_user", "550 5.1.1", 3)
    failed(world, "docomo", "no_such_user", "550 5.1.1", 2)
    failed(world, "gmail", "=1+1", "", 1)
    failed(world, "gmail", "mailbox_full", "552 5.2.2", 4, outcome="bounced")
    rows = codes.codes(choice(world))
    assert [row.people for row in rows] == [4, 3, 2, 1]
    client.force_login(make_member(world.workspace), backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/health/codes").content.decode()
    assert page.count("550 5.1.1") == 2 and "No answer" in page
    assert client.get("/health/codes?cause=no_such_user&provider=docomo").content.decode().count("550 5.1.1") == 1
    assert 'href="/health?cause=mailbox_full&amp;provider=gmail#advice"' in page, "from a code to its cause and people"
    table = client.get("/health/codes.csv")
    lines = list(csv.DictReader(io.StringIO(b"".join(table).decode("utf-8-sig"))))  # type: ignore[arg-type]
    assert [line["people"] for line in lines] == ["4", "3", "2", "1"]
    assert lines[-1]["cause"].startswith("'=")


def test_hours_that_no_page_tells_apart_become_days_and_days_go_with_the_logs(world: World) -> None:
    """Nobody is lost meanwhile: also who left an hour that is a day already."""
    now = timezone.now().replace(hour=12, minute=30)
    ago = {name: now - timedelta(days=days) for name, days in (("new", 30), ("old", 200), ("gone", 2000))}
    for at in ago.values():
        for hour in (1, 7, 23):
            at = at.replace(hour=hour, minute=0, second=0, microsecond=0)
            shared = {"workspace": world.workspace, "sandbox": False, "provider": "gmail", "n": 4, "hour": at}
            domain = world.from_address.sending_domain
            HealthHour.objects.create(**shared, sending_domain=domain, outcome="delivered", first_at=at, last_at=at)
            HealthWait.objects.create(**shared, sending_domain=domain, step=3)
    HealthHour.objects.filter(hour=ago["new"].replace(hour=7, minute=0, second=0, microsecond=0)).update(n=0)
    before = health.look(choice(world, 90)).figures
    for _ in range(2):
        ageing.age(now)
        rows = HealthHour.objects.order_by("hour").values_list("hour__date", "n", "first_at__hour", "last_at__hour")
        new, old = ago["new"].date(), ago["old"].date()
        assert list(rows) == [(old, 12, 1, 23), (new, 4, 1, 1), (new, 4, 23, 23)]
        assert list(HealthWait.objects.order_by("hour").values_list("n", flat=True)) == [12, 4, 4, 4]
    assert health.look(choice(world, 90)).figures == before
    moved = HealthHour.objects.order_by("hour")[0]
    moved.pk, moved.hour, moved.n = None, ago["old"].replace(hour=7, minute=0, second=0, microsecond=0), -1
    moved.save(force_insert=True)
    ageing.age(now)
    assert HealthHour.objects.order_by("hour").values_list("n", flat=True)[0] == 11
