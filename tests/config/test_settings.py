from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import keys

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "contacts", "delivery", "campaigns", "analytics", "config")
SECRETS = {"SECRET_KEY": "s" * 50, "ENCRYPTION_KEYS": keys.new_key("a"), "TOKEN_KEYS": keys.new_key("a")}
PRODUCTION = {
    "DATABASE_URL": "postgresql://shirase@127.0.0.1:1/shirase",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "BASE_URL": "https://mail.example.com",
    **SECRETS,
}


def read_by_settings() -> set[str]:
    text = (ROOT / "config" / "settings.py").read_text()
    return set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", text)) | set(keys.NAMES)


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = "from django.conf import settings as s; print(s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_PRELOAD)"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=base | environment, capture_output=True, text=True, check=False)


def test_the_example_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert listed == read_by_settings()


def test_only_the_settings_read_the_environment() -> None:
    allowed = {
        "config/settings.py",
        "config/install.py",
        "config/wsgi.py",
        "config/celery.py",
        "config/supervisor/process.py",
    }
    readers = {
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert readers <= allowed


def test_production_starts_with_all_its_secrets() -> None:
    done = start(PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False"], "https, but no promise for the whole domain"


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS", "TOKEN_KEYS", "BROKER_URL"])
def test_production_does_not_start_without(name: str) -> None:
    done = start({key: value for key, value in PRODUCTION.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "mail.example.com"),
        ("TIME_SCALE", "0"),
        ("PORT", "http"),
        ("DATABASE_URL", "mysql://x@y/z"),
        ("DEBUG", "1"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_its_setting(name: str, value: str) -> None:
    done = start(PRODUCTION | {name: value})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]
