"""Settings; all of the environment is read here. README.md lists the variables."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from ipaddress import ip_network
from pathlib import Path
from secrets import token_bytes
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from chatsite import keyfiles

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("CHATSITE_DATA_DIR", default=str(BASE_DIR / "data"))).resolve()

# Secrets: files that only the owner can read, or variables where an operator prefers them.

SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="") or keyfiles.read_or_create(
    DATA_DIR / "keys" / "django-secret"
)
# The keys of the file, which may change while we run, count where the variable gives none.
SEALING_KEYS: list[str] = env.list("CHATSITE_SECRET_KEYS", default=[])
SEALING_KEY_FILE = (
    None
    if SEALING_KEYS
    else keyfiles.KeyFile(
        DATA_DIR / "keys" / "sealing", make=lambda: urlsafe_b64encode(token_bytes(32)).decode()
    )
)

DEBUG = env.bool("DJANGO_DEBUG", default=False)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.list("CHATSITE_HOSTS", default=[])]
CSRF_TRUSTED_ORIGINS = env.list("CHATSITE_ORIGINS", default=[])

# Where people find this site, for links in what is sent to them; without it these are paths.
SITE_URL: str = env.str("CHATSITE_URL", default=next(iter(CSRF_TRUSTED_ORIGINS), "")).rstrip("/")

IS_HTTPS = env.bool("CHATSITE_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
if IS_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "daphne",
    "chatsite",
    "chat",
    "admin_models",
    "channels",
    "django_htmx",
    "allauth",
    "allauth.account",
    "csp",
    "chatsite.admin_config.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "chatsite.middleware.watched",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "chatsite.context.site",
            ],
        },
    }
]

# The database: SQLite by itself, PostgreSQL when DATABASE_URL says so.


def _database() -> dict[str, Any]:
    database: dict[str, Any] = env.db_url(
        "DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'chatsite.sqlite3'}"
    )
    options: dict[str, Any] = database.setdefault("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        options |= {
            "timeout": 20,
            # One that reads before it writes would else fail when another wrote first.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    else:
        options["pool"] = {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=20)}
        # A database server that was started anew has left the pool connections that are dead.
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Several processes share what happens through Redis; one process needs nothing.

REDIS_URL = env.str("REDIS_URL", default="")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # Longer than the layer's own blocking read of 5 s, which else fails on idle channels.
            "hosts": [{"address": REDIS_URL, "socket_timeout": 15, "health_check_interval": 10}],
            "capacity": 1000,
        },
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}
}
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # What is counted must not be forgotten because many others are counted too.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# Accounts

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
IS_SIGNUP_OPEN = env.bool("CHATSITE_SIGNUP", default=False)
ACCOUNT_ADAPTER = "chatsite.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("CHATSITE_EMAIL_FROM", default="chatsite@localhost")
# Seconds; nobody waits longer for a mail server that does not answer.
EMAIL_TIMEOUT = 15

# Languages

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# Static files are collected once and served by the process itself, hashed and compressed.

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "media"

# The page runs only what it brought along. `htmx` is the one Trusted Types policy (hx-csp).

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["htmx"],
    }
}

# Addresses that are not public are called only if they are listed here: host, host:port, address,
# network.

PRIVATE_HOSTS: list[str] = env.list("CHATSITE_PRIVATE_HOSTS", default=[])

# Conversations

MAX_MESSAGE_LENGTH = env.int("CHATSITE_MAX_MESSAGE_LENGTH", default=32_000)
# Room for a message four times as long in its worst encoding: what is too long gets a sentence, and
# what is longer than that the page does not send.
MAX_FRAME_SIZE = max(1024 * 1024, 4 * 6 * MAX_MESSAGE_LENGTH + 64 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * MAX_FRAME_SIZE
# A team may name everybody, and every model of every group.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
MAX_ANSWER_SECONDS = env.int("CHATSITE_MAX_ANSWER_SECONDS", default=3600)
SHUTDOWN_GRACE_SECONDS = env.float("CHATSITE_SHUTDOWN_GRACE", default=5.0)

# Whoever shows this token, or asks from one of these addresses or networks, may read the figures at
# /metrics; empty: nobody. The addresses also learn from /readyz what is in the way.

METRICS_TOKEN: str = env("CHATSITE_METRICS_TOKEN", default="")
METRICS_ADDRESSES: list[str] = env.list("CHATSITE_METRICS_ADDRESSES", default=[])

# Proxies whose X-Forwarded-For and X-Request-ID are believed: addresses or networks.

TRUSTED_PROXIES: list[str] = env.list("CHATSITE_TRUSTED_PROXIES", default=[])
for _written in (*METRICS_ADDRESSES, *TRUSTED_PROXIES):
    ip_network(_written, strict=False)  # a mistake is told at the start

# A process is ready only with this much room on its disk.

MIN_FREE_MB = env.int("CHATSITE_MIN_FREE_MB", default=200)

# Traces go to OTEL_EXPORTER_OTLP_ENDPOINT, whose other variables the exporter reads by itself.

IS_TRACING = env.bool(
    "CHATSITE_TRACING", default=bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))
)
IS_TRACE_TOLD_UPSTREAM = env.bool("CHATSITE_TRACE_UPSTREAM", default=False)

# How often one token may ask, for example 120/m; s, m, h and d are a second to a day.


def _rate(name: str, default: str) -> str:
    """Words that chat.operations.rates reads; a mistake is told at the start."""
    text: str = env.str(name, default=default)
    if not re.fullmatch(r"[1-9]\d{0,8}/[smhd]", text):
        raise ImproperlyConfigured(
            f"{name} is a number, a slash, and s, m, h or d, for example 120/m, and not {text!r}."
        )
    return text


API_RATE = _rate("CHATSITE_API_RATE", default="120/m")

# How often a person may ask, the same way.

SEND_RATE = _rate("CHATSITE_SEND_RATE", default="30/m")

# How often a person may upload a file, or paste its text, the same way.

UPLOAD_RATE = _rate("CHATSITE_UPLOAD_RATE", default="30/m")

# Preflight: how old an answer may be that a call relies on, and how long one is waited for.

PREFLIGHT_MAX_AGE_SECONDS = env.float("CHATSITE_PREFLIGHT_MAX_AGE", default=600.0)
PREFLIGHT_TIMEOUT_SECONDS = env.float("CHATSITE_PREFLIGHT_TIMEOUT", default=10.0)
GROUP_CHANGE_TIMEOUT_SECONDS = env.float("CHATSITE_GROUP_CHANGE_TIMEOUT", default=30.0)
PREFLIGHT_BLOCKING_SWITCHES: list[int] = env.list(
    "CHATSITE_PREFLIGHT_BLOCKING_SWITCHES", cast=int, default=[]
)

LOG_FORMAT = env.str("CHATSITE_LOG_FORMAT", default="text")
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured(f"CHATSITE_LOG_FORMAT is text or json, and not {LOG_FORMAT!r}.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "class": "chatsite.logs.TextFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"class": "chatsite.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
