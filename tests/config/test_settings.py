from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kombu.utils.url import url_to_parts

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


def start(
    environment: dict[str, str], shown: str = "SECURE_SSL_REDIRECT, s.SECURE_HSTS_PRELOAD"
) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = f"from django.conf import settings as s; print(s.{shown})"
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


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "a b é#%20?"
    done = start({"VAR_DIR": str(folder)}, "BROKER_URL")
    assert url_to_parts(done.stdout.strip()).path == str(folder / "run" / "valkey.sock").lstrip("/"), done.stderr


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://localhost:8123"),
        ("0.0.0.0", "http://localhost:8123"),
        ("192.0.2.2", "http://192.0.2.2:8123"),
        ("2001:db8::2", "http://[2001:db8::2]:8123"),
    ],
)
def test_the_address_to_open_is_one_that_answers(host: str, address: str) -> None:
    given = {name: value for name, value in PRODUCTION.items() if name != "BASE_URL"} | {"HOST": host, "PORT": "8123"}
    done = start(given, "BASE_URL, s.TRACKING_URL")
    assert done.stdout.split() == [address, address], done.stderr


def test_the_units_start_what_the_environment_says() -> None:
    units = {path.stem: path.read_text() for path in (ROOT / "docs" / "deploy" / "systemd").glob("*.service")}
    assert "--bind ${HOST}:${PORT}" in units["shirase-web"]
    for unit, names in {
        "shirase-web": ("HOST", "PORT", "WEB_WORKERS", "WEB_THREADS"),
        "shirase-send": ("SEND_WORKERS", "LOG_LEVEL"),
        "shirase-work": ("WORK_WORKERS", "LOG_LEVEL"),
        "shirase-beat": ("LOG_LEVEL",),
    }.items():
        default = next(line for line in units[unit].splitlines() if line.startswith("Environment="))
        assert set(re.findall(r"([A-Z_]+)=", default)) == set(names), unit
        command = next(line for line in units[unit].splitlines() if line.startswith("ExecStart="))
        assert set(re.findall(r"\$\{?([A-Z_]+)", command)) == set(names), unit


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
        ("TIME_SCALE", "nan"),
        ("DNS_RESOLVER", "nonsense"),
        ("DNS_RESOLVER", "192.0.2.1:port"),
        ("DNS_RESOLVER", "192.0.2.1,[2001:db8::1]"),
        ("UNDO_SECONDS", "-1"),
        ("SANDBOX_UNDO_SECONDS", "-1"),
        ("LEASE_SECONDS", "0"),
        ("SEND_CONNECTIONS", "0"),
        ("RETENTION_MONTHS", "0"),
        ("SANDBOX_KEPT", "0"),
        ("PROXY_HOPS", "-1"),
        ("SEND_WORKERS", "0"),
        ("WORK_WORKERS", "-1"),
        ("WEB_WORKERS", "0"),
        ("WEB_THREADS", "0"),
        ("PORT", "65536"),
        ("MX_PORT", "0"),
        ("SANDBOX_PORT", "65536"),
        ("SMTP_HOSTNAME", "mail example"),
        ("LOG_LEVEL", "loud"),
        ("METRICS_TOKEN", "nineteen-characters"),
        ("METRICS_TOKEN", "change-me-change-me-change-me"),
        ("METRICS_ALLOW", "10.0.0.1/8"),
        ("METRICS_ALLOW", "192.0.2.1, prometheus.example"),
        ("BROKER_URL", "valkey"),
        pytest.param("ENCRYPTION_KEYS", f"{keys.new_key('a')},{keys.new_key('a')}", id="ENCRYPTION_KEYS-aa"),
        pytest.param("TOKEN_KEYS", f"{keys.new_key('b')},{keys.new_key('a')},{keys.new_key('b')}", id="TOKEN_KEYS-bab"),
        ("PORT", "http"),
        ("DATABASE_URL", "mysql://x@y/z"),
        ("DEBUG", "1"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_its_setting(name: str, value: str) -> None:
    done = start(PRODUCTION | {name: value})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_a_port_that_leaves_none_for_the_sandbox_names_that_setting() -> None:
    done = start(PRODUCTION | {"PORT": "65520"})
    assert done.returncode != 0 and "SANDBOX_PORT must be from 1 to 65535" in done.stderr.splitlines()[-1]
    given = PRODUCTION | {"PORT": "65520", "SANDBOX_PORT": "2525", "LISTENER_PORT": "2526"}
    assert start(given).returncode == 0


@pytest.mark.parametrize("servers", ["192.0.2.1", "192.0.2.1:5353, 2001:db8::1", "[2001:db8::1]:5353", ""])
def test_name_servers_are_addresses_with_or_without_a_port(servers: str) -> None:
    assert start(PRODUCTION | {"DNS_RESOLVER": servers}).returncode == 0


def test_a_database_server_that_hangs_holds_nobody_for_ever() -> None:
    """It takes connections and says nothing, as a stopped one does."""
    shown = "DATABASES['default']['OPTIONS']['connect_timeout']"
    assert start(PRODUCTION, shown).stdout.strip() == "10"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://shirase@127.0.0.1:{silent.getsockname()[1]}/shirase?connect_timeout=2"
        code = "import django; django.setup(); from django.db import connection as c; c.ensure_connection()"
        environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
        environment |= PRODUCTION | {"DATABASE_URL": address}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            timeout=100,
        )  # fmt: skip
    assert "ConnectionTimeout" in done.stderr
