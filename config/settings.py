"""Every setting, read once. A bad value stops the start and names itself."""

from __future__ import annotations

import sys
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
DATABASE_URL = env.str("DATABASE_URL", default="")
EMBEDDED = not DATABASE_URL
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="embedded-only" if EMBEDDED else "")
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_htmx",
    "allauth",
    "allauth.account",
    "axes",
    "accounts",
    "contacts",
    "delivery",
    "campaigns",
    "analytics",
    "config",
]
AUTH_USER_MODEL = "accounts.User"
ROOT_URLCONF = "config.urls"
DATABASES = {
    "default": env.db_url_config(DATABASE_URL) if DATABASE_URL else {"ENGINE": "django.db.backends.postgresql", "NAME": "shirase", "HOST": str(VAR / "run")}
}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
