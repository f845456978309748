"""Tests run on a PostgreSQL of their own (`var/test`), which the first session starts and the last one stops. Where
they run in several processes (`make test`), each process has its own."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# The product reads its settings once, so that these come before its first import.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Whatever the environment says: tests never touch an install's data or its broker.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
os.environ["VAR_DIR"] = str(ROOT / "var" / (f"test-{WORKER}" if WORKER else "test"))
os.environ["BROKER_URL"] = "memory://"
# Playwright's synchronous interface runs an event loop in this thread; the tests' own queries are not in it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

import django  # noqa: E402
from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import translation  # noqa: E402

from config import translations  # noqa: E402
from config.embedded import postgres  # noqa: E402

# The conftest of a folder imports models, and may be read before pytest-django is at work.
django.setup()


def pytest_configure(config: pytest.Config) -> None:
    translations.compile_stale(settings.BASE_DIR)
    if config.getoption("numprocesses", None) and not WORKER:
        del os.environ["DJANGO_SETTINGS_MODULE"]  # the workers' settings, too, wait for this file to name their folder
        return
    if not settings.EMBEDDED:
        return
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    users = (settings.RUN_DIR / "sessions.lock").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    postgres.start(settings.VAR, durable=False)

    def leave() -> None:
        with users, suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            postgres.stop(settings.VAR)

    config.add_cleanup(leave)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with transactions of their own empty all tables at their end: the audit log refuses that, and Django
    leaves out what migrations made by SQL, so that one test would find the log of another."""
    for model in apps.get_models():
        model._meta.managed = True
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_no_truncate")


@pytest.fixture(autouse=True)
def in_english() -> Generator[None]:
    """A page activates its reader's language, and a test client's request does not take it back."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def journals_of_its_own(settings: Any, tmp_path: Path) -> None:
    """The tables are empty after a test: to a journal of another one the database would be older than its mail."""
    settings.JOURNAL_DIR = tmp_path / "journal"


NEEDS = ("browser", "postfix", "dovecot")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI what these tests need has been installed, so that a skipped one is a failure."""
    report = yield
    needed = [name for name in NEEDS if item.get_closest_marker(name)]
    if report.skipped and needed and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where {needed[0]} must be there: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if set(NEEDS) & set(report.keywords)]
    if skipped:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(skipped)} tests need a browser, Postfix or Dovecot, which this machine lacks (reasons above)."
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come first: each of them is long, and one that began last would be waited for alone. Those that
    want the machine for themselves come last."""
    items.sort(key=lambda item: (item.get_closest_marker("alone") is not None, not item.get_closest_marker("browser")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Nothing runs in another process beside a test that is marked `alone`. Whoever waits at the door keeps it shut."""
    how = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    with (ROOT / "var" / "test.door").open("w") as door, (ROOT / "var" / "test.room").open("w") as room:
        fcntl.flock(door, how)
        fcntl.flock(room, how)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)
