"""Every setting, read once. A bad value stops the start and names itself; `.env.example` lists them all.

Without DATABASE_URL this is the *embedded mode*: PostgreSQL and Valkey run beside the product on unix sockets, and the
secrets are made once in `var/keys.env`. With it, every secret must be given.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.embedded import keys, places
from config.env import Env
from config.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()
env.smart_cast = False
Env.read_env(str(BASE_DIR / ".env"))

# --- Where things are -------------------------------------------------------------------------------------------------
VAR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
JOURNAL_DIR = VAR / "journal"
RUN_DIR = VAR / "run"
KNOWLEDGE_DIR = env.str("KNOWLEDGE_DIR", default="")
"""Rules of the operator's own for replies and bounces, *.toml; "" for none."""
STATIC_BUILD = BASE_DIR / "var" / "static"
"""What the front-end build writes; it belongs to the checkout, not to the data."""

DATABASE_URL = env.str("DATABASE_URL", default="")
EMBEDDED = not DATABASE_URL
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.port("PORT", default=8000)
_answers_as = "localhost" if HOST in ("127.0.0.1", "::1", "0.0.0.0", "::") else f"[{HOST}]" if ":" in HOST else HOST
BASE_URL = env.str("BASE_URL", default=f"http://{_answers_as}:{PORT}").rstrip("/")
TRACKING_URL = env.str("TRACKING_URL", default=BASE_URL).rstrip("/")
HTTPS = BASE_URL.startswith("https://")
DEBUG = env.bool("DEBUG", default=False)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
if LOG_LEVEL not in logging.getLevelNamesMapping():
    raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}")

# --- Secrets ----------------------------------------------------------------------------------------------------------
_secrets = keys.make_once(VAR / "keys.env") if EMBEDDED else {}
_secrets |= {name: env.str(name) for name in keys.NAMES if name in os.environ}
try:
    if not EMBEDDED:
        keys.refuse_defaults(_secrets)
    ENCRYPTION_KEYS = keys.parse("ENCRYPTION_KEYS", _secrets["ENCRYPTION_KEYS"])
    TOKEN_KEYS = keys.parse("TOKEN_KEYS", _secrets["TOKEN_KEYS"])
except keys.BadKeys as error:
    raise ImproperlyConfigured(str(error)) from error
"""Both are key id (one letter) → 32 bytes, newest first; retired keys stay in the list, so that old data is read."""
SECRET_KEY = _secrets["SECRET_KEY"]
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
for _name, _url in (("BASE_URL", BASE_URL), ("TRACKING_URL", TRACKING_URL)):
    if urlsplit(_url).scheme not in ("http", "https") or not urlsplit(_url).hostname:
        raise ImproperlyConfigured(f"{_name} must be an address like https://mail.example.com, not {_url!r}")
if DEBUG and not EMBEDDED:
    raise ImproperlyConfigured("DEBUG shows secrets to visitors: it is for the embedded mode only")

# --- Database, broker -------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]]
if EMBEDDED:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "shirase",
            "USER": "shirase",
            "HOST": str(places.postgres_place(VAR).sockets),
        }
    }
else:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// address")
# A server that hangs must not hold whoever asks it, least of all /readyz; without this psycopg waits 130 s.
DATABASES["default"]["OPTIONS"] = {"connect_timeout": 10} | DATABASES["default"].get("OPTIONS", {})
DATABASES["default"] |= {
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "TEST": {"NAME": "test_shirase" + env.str("TEST_DB_SUFFIX", default="")},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_own_broker = f"redis+socket://{quote(str(places.valkey_socket(VAR)))}" if EMBEDDED else ""
BROKER_URL = env.str("BROKER_URL", default=_own_broker)
if "://" not in BROKER_URL:
    raise ImproperlyConfigured("BROKER_URL is missing or no address: that of a Valkey or Redis, redis://host:6379/0")

# --- Django -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",  # its changepassword goes before that of auth
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_htmx",
    "allauth",
    "allauth.account",
    "axes",
    "contacts",
    "delivery",
    "campaigns",
    "analytics",
    "config",
]
MIDDLEWARE = [
    "config.middleware.TrackingHost",
    "config.middleware.ClientAddress",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.WorkspaceMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.middleware.NoNul",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.template.context_processors.csrf",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.person",
                "config.context.shell",
            ],
        },
    }
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [
    BASE_DIR / "locale" / name for name in ("accounts", "contacts", "delivery", "campaigns", "analytics", "config")
]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [STATIC_BUILD] if STATIC_BUILD.is_dir() else []
# The build names its files by their content (`app-1A2B3C4D.css`), so that they may be kept for ever.
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+-[0-9A-Z]{8}\.[a-z0-9]+$"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR / "uploads"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "delivery.mail.EmailBackend"
LOGGING_CONFIG = None
logging_config(LOG_LEVEL, readable=EMBEDDED)

# --- People -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = None  # the person ticks it
ACCOUNT_ADAPTER = "accounts.adapter.Adapter"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True  # which our adapter makes and does not send, so that the answer takes as long
# One lockout, in the database, so that it holds over all web processes: axes below.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
AXES_HANDLER = "accounts.lockout.Handler"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
# By account and address; an account from anywhere, and an address for any account, only after many more (how many:
# accounts.lockout), since a whole office may share an address. A success resets none: whoever has one account could
# else go on guessing others. Attempts are forgotten after the cool-off.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_RESET_ON_SUCCESS = False
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "accounts.lockout.tried_name"
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.client_address"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "old", "new"]  # "password" always is
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
LANGUAGE_COOKIE_SAMESITE = "Lax"

# --- Transport --------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) + [
    host for host in (urlsplit(url).hostname for url in (BASE_URL, TRACKING_URL)) if host
]
if EMBEDDED:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"] if HOST in ("127.0.0.1", "localhost", "::1") else ["*"]
PROXY_HOPS = env.number("PROXY_HOPS", default=1 if HTTPS else 0, least=0, most=10)
"""How many proxies of our own stand before the web process; their X-Forwarded-* headers are believed."""
if PROXY_HOPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(BASE_URL))]
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# Preloading promises https for every host of the domain, also those that are not ours, and is hard to take back: only
# its owner can ask for it, in the proxy.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Other hosts learn nothing. "no-referrer" would also make browsers post forms with `Origin: null`, which CSRF refuses.
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024

# --- Sending ----------------------------------------------------------------------------------------------------------
DNS_RESOLVER = env.name_servers("DNS_RESOLVER")
"""`address` or `address:port` of the name server to ask; empty: the machine's own."""
SMTP_HOSTNAME = env.str("SMTP_HOSTNAME", default=urlsplit(BASE_URL).hostname or "localhost")
"""What a route without an EHLO name of its own says in EHLO."""
if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", SMTP_HOSTNAME):
    raise ImproperlyConfigured(f"SMTP_HOSTNAME must be a host name like mail.example.com, not {SMTP_HOSTNAME!r}")
ALLOW_PRIVATE_MX = env.bool("ALLOW_PRIVATE_MX", default=False)
"""Tests only: direct delivery to MX on loopback and private addresses, on the port MX_PORT."""
MX_PORT = env.port("MX_PORT", default=25)
SANDBOX_HOST = env.str("SANDBOX_HOST", default="127.0.0.1")
SANDBOX_PORT = env.port("SANDBOX_PORT", default=PORT + 25)
SANDBOX_KEPT = env.number("SANDBOX_KEPT", default=5000, least=1, most=10**6)
LISTENER_HOST = env.str("LISTENER_HOST", default="127.0.0.1")
LISTENER_PORT = env.port("LISTENER_PORT", default=PORT + 26)
LISTENER_CERTIFICATE = env.str("LISTENER_CERTIFICATE", default="")
LISTENER_KEY = env.str("LISTENER_KEY", default="")
"""PEM files for STARTTLS; without them the listener makes a certificate for itself."""
LISTENER_NAMES = frozenset(env.list("LISTENER_NAMES", default=["fbl", "dmarc"]))
"""What it takes mail for at return-path hosts besides return paths: feedback, DMARC reports (RFC 5321, 4.5.1)."""
LEASE_SECONDS = env.number("LEASE_SECONDS", default=60, least=1, most=3600)
UNDO_SECONDS = env.number("UNDO_SECONDS", default=30, least=0, most=86400)
SANDBOX_UNDO_SECONDS = env.number("SANDBOX_UNDO_SECONDS", default=5, least=0, most=86400)
"""How long "send now" waits so that it can be taken back."""
SEND_CONNECTIONS = env.number("SEND_CONNECTIONS", default=10, least=1, most=1000)
"""Connections of one send process to one site."""
RETENTION_MONTHS = env.number("RETENTION_MONTHS", default=24, least=1, most=1200)
TIME_SCALE = env.float("TIME_SCALE", default=1.0)
"""Multiplies SMTP time-outs and retry delays; tests make it small."""
if not 0 < TIME_SCALE <= 100:
    raise ImproperlyConfigured(f"TIME_SCALE must be above 0 and at most 100, not {TIME_SCALE}")

# --- Watching ---------------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.secret("METRICS_TOKEN", least=20)
METRICS_ALLOW = env.networks("METRICS_ALLOW")
"""Who may read /metrics: whoever has the token, from these addresses. With neither nobody; embedded, this machine."""

# --- Workers ----------------------------------------------------------------------------------------------------------
SEND_WORKERS = env.number("SEND_WORKERS", default=len(os.sched_getaffinity(0)), least=1, most=1000)
WORK_WORKERS = env.number("WORK_WORKERS", default=2, least=1, most=1000)
WEB_WORKERS = env.number("WEB_WORKERS", default=2, least=1, most=1000)
WEB_THREADS = env.number("WEB_THREADS", default=8, least=1, most=1000)
