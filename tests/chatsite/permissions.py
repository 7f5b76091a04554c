"""Who may open what: every address and every socket of the site. What is added is added here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import django

from admin_models.consumers import NOT_STAFF
from admin_models.page_sockets import NOT_FOUND, SIGNED_OUT

NOBODY, USER, OPERATIONS, ADMIN, SUPERUSER = PEOPLE = (
    "nobody",
    "user",
    "operations",
    "admin",
    "superuser",
)
"""Who asks: without being signed in; in each role; and an administrator who is a superuser of
Django's too, as the first one is."""

SIGN_IN: Final = "sign in"
"""Led to a page for signing in, ours or that of Django's admin, which leads to ours."""
Answer = int | str
"""A status, or that."""
Answers = tuple[Answer, Answer]
"""What GET and POST (of an empty form) are answered."""

# ── Our pages: who is not signed in is led there; who may not see them finds nothing ──────────────

SIGNED_IN: Final[dict[str, Answers]] = {
    "home": (200, 422),
    "conversation": (404, 405),  # somebody else's
    "my_data": (200, 422),
    "my_export": (405, 200),
}
"""What everybody may open who is signed in."""

OPERATORS: Final[dict[str, Answers]] = {
    "alert_history": (200, 405),
    "alerts": (200, 405),
    "api_token_revoke": (405, 302),
    "api_tokens": (200, 422),
    "audit_csv": (200, 405),
    "audit_log": (200, 405),
    "doctor": (200, 405),
    "environments": (200, 405),
    "environments_recheck": (405, 302),
    "housekeeping": (200, 405),
    "limit": (200, 422),
    "limits": (200, 405),
    "reconciliation": (200, 405),
    "reconciliation_compare": (405, 302),
    "reconciliation_compare_day": (405, 302),
    "reconciliation_day": (404, 405),  # a day that was not compared yet
    "usage": (200, 405),
    "usage_export": (200, 405),
    "usage_live": (200, 405),
    "usage_row": (200, 200),
    "usage_rows": (200, 405),
}
"""What those who look after the site may open, and administrators too."""

READ_ONLY: Final = {"limit": 200, "api_token_revoke": 404}
"""What they are answered who may see a page of these, and not change what is on it: it is shown
again, or (a token of somebody else) not there."""

ADMINS: Final[dict[str, Answers]] = {
    "alert_recipient": (200, 422),
    "alert_recipient_delete": (200, 302),
    "alert_recipient_new": (200, 422),
    "alert_recipient_test": (405, 200),
    "alert_rule": (200, 422),
    "alert_rule_choose": (200, 200),
    "alert_rule_delete": (200, 302),
    "alert_rule_new": (200, 422),
    "alerts_sensible": (405, 302),
    "catalogue_recheck": (405, 302),
    "catalogue_switch_off": (405, 302),
    "configuration_export": (200, 405),
    "configuration_import": (200, 422),
    "environment_call": (405, 302),
    "environment_catalogue": (200, 405),
    "environment_delete": (200, 302),
    "environment_enable": (200, 409),
    "environment_groups": (200, 405),
    "environment_keys": (200, 200),
    "environment_keys_new": (302, 302),
    "environment_new": (200, 405),
    "environment_packs": (200, 405),
    "environment_preflight": (200, 405),
    "environment_prices": (200, 405),
    "environment_recheck": (405, 302),
    "environment_settings": (200, 200),
    "group_list_models": (405, 200),
    "group_models": (405, 302),
    "group_name_check": (200, 405),
    "group_new": (200, 422),
    "group_settings": (200, 422),
    "group_switch": (405, 302),
    "group_trial": (405, 200),
    "group_undo": (405, 404),  # nothing was changed yet
    "groups_delete": (302, 302),
    "groups_recheck": (405, 302),
    "limit_delete": (200, 302),
    "limit_new": (200, 422),
    "limit_switch": (405, 302),
    "model_prices": (200, 422),
    "model_settings": (200, 302),
    "pack_extend": (200, 422),
    "pack_give_back": (405, 302),
    "pack_new": (200, 422),
    "pack_withdraw": (405, 302),
    "people": (200, 405),
    "person": (200, 422),
    "person_data": (200, 422),
    "person_export": (405, 200),
    "person_link": (405, 302),  # who has a password needs none
    "person_new": (200, 200),
    "retention": (200, 200),
    "team": (200, 422),
    "team_delete": (200, 302),
    "team_new": (200, 422),
    "teams": (200, 405),
}
"""What administrators alone may open."""

# ── The pages of accounts, and what is for machines ──────────────────────────────────────────────

ACCOUNTS: Final[dict[str, tuple[Answers, Answers]]] = {
    "account_change_password": ((SIGN_IN, SIGN_IN), (200, 200)),
    "account_confirm_email": ((200, 404), (200, 404)),  # with a key that is none
    "account_confirm_login_code": ((SIGN_IN, SIGN_IN), (302, 302)),  # nobody is sent one
    "account_email": ((SIGN_IN, SIGN_IN), (200, 302)),
    "account_email_verification_sent": ((200, 405), (200, 405)),
    "account_inactive": ((200, 405), (200, 405)),
    "account_login": ((200, 200), (302, 302)),
    "account_logout": ((SIGN_IN, SIGN_IN), (200, SIGN_IN)),
    "account_reauthenticate": ((SIGN_IN, SIGN_IN), (200, 200)),
    "account_reset_password": ((200, 200), (200, 200)),
    "account_reset_password_done": ((200, 405), (200, 405)),
    "account_reset_password_from_key": ((200, 200), (200, 200)),  # likewise
    "account_reset_password_from_key_done": ((200, 405), (200, 405)),
    "account_set_password": ((SIGN_IN, SIGN_IN), (302, 302)),  # everybody has one
    "account_signup": ((200, 200), (302, 302)),  # which says that it is closed
    "set_language": ((302, 302), (302, 302)),
}
"""What is answered to those who are not signed in, and to those who are."""

MACHINES: Final[dict[str, Answers]] = {
    "api_nothing": (404, 404),
    "api_usage_rows": (401, 401),
    "api_usage_sums": (401, 401),
    "healthz": (200, 405),
    "metrics": (404, 405),
    "readyz": (200, 405),
    "setup": (404, 404),
}
"""What asks for something else than a session: it answers everybody the same."""

PROGRAMS: Final = {NOBODY: 401, USER: 403, OPERATIONS: 200, ADMIN: 200, SUPERUSER: 200}
"""What the API answers to a token, by what its maker may do by now; nobody's is none."""

# ── Django's own admin ───────────────────────────────────────────────────────────────────────────

DESK: Final[dict[str, Answers]] = {
    "admin:autocomplete": (403, 405),
    "admin:index": (200, 200),
    "admin:jsi18n": (200, 405),
    "admin:password_change": (200, 200),
    "admin:password_change_done": (200, 405),
    "admin:view_on_site": (404, 404),
}
"""What administrators may open there; everybody else is led to sign in."""

DOORS: Final[dict[str, Mapping[str, Answers]]] = {
    "admin:app_list": {ADMIN: (404, 404), SUPERUSER: (200, 200)},  # of the accounts
    "admin:login": {
        NOBODY: (SIGN_IN, SIGN_IN),
        **dict.fromkeys((USER, OPERATIONS), (403, 403)),
        **dict.fromkeys((ADMIN, SUPERUSER), (302, 200)),
    },
    "admin:logout": {
        **dict.fromkeys((USER, OPERATIONS), (302, 302)),
        **dict.fromkeys((ADMIN, SUPERUSER), (405, 200)),
    },
}
"""The same of addresses that tell people apart; who is not named is led to sign in."""

CLOSED: Final[dict[str, Answers]] = {
    "add": (403, 403),
    "change": (403, 403),
    "changelist": (403, 403),
    "delete": (403, 403),
    "history": (302, 302),  # of a row that is not there
}
_NOT_THERE: Final = 302 if django.VERSION >= (6, 1) else 403  # which looks for the row first
READ: Final = CLOSED | {"change": (302, _NOT_THERE), "changelist": (200, 200)}
WRITTEN: Final = READ | {"add": (200, 200), "change": (302, 302), "delete": (302, 302)}
TABLES: Final = {
    "admin_models_auditentry": (READ, READ),
    "admin_models_environment": (READ, READ),
    "admin_models_listversion": (READ, READ),
    "admin_models_modelabilities": (READ, READ),
    "admin_models_modelgroup": (READ, READ),
    "admin_models_observation": (READ, READ),
    "admin_models_price": (READ, READ),
    "admin_models_team": (READ, READ),
    "admin_models_tokenpack": (READ, READ),
    "auth_user": (
        CLOSED | {"password_change": (403, 403)},
        WRITTEN | {"password_change": (200, 200)},
    ),
    "chat_usage": (READ, READ),
}
"""What administrators, and superusers, may do with each table; everybody else is led to sign in."""

# ── Sockets ──────────────────────────────────────────────────────────────────────────────────────

LET_IN: Final = 0
SOCKETS: Final[dict[str, Mapping[str, int]]] = {
    "board_socket": {USER: NOT_STAFF, OPERATIONS: LET_IN, ADMIN: LET_IN, SUPERUSER: LET_IN},
    "conversation_socket": dict.fromkeys(PEOPLE[1:], NOT_FOUND),  # somebody else's
    "live_socket": {USER: NOT_STAFF, OPERATIONS: LET_IN, ADMIN: LET_IN, SUPERUSER: LET_IN},
    "preflight_socket": {USER: NOT_STAFF, OPERATIONS: NOT_STAFF, ADMIN: LET_IN, SUPERUSER: LET_IN},
}
"""With which code a socket is closed to whom, if it is; to nobody with SIGNED_OUT."""


# ── Read off ─────────────────────────────────────────────────────────────────────────────────────

NAMES: Final = {
    *(*SIGNED_IN, *OPERATORS, *ADMINS, *ACCOUNTS, *MACHINES, *DESK, *DOORS),
    *(f"admin:{table}_{action}" for table, (_of_admins, may) in TABLES.items() for action in may),
}
"""Every address that has a name."""


def answers(name: str, who: str) -> Answers:
    """What the address `name` answers to `who`."""
    if name in MACHINES:
        return MACHINES[name]
    if name in ACCOUNTS:
        return ACCOUNTS[name][who != NOBODY]
    if name.startswith("admin:"):
        return _of_the_desk(name, who)
    if who == NOBODY:
        return SIGN_IN, SIGN_IN
    return _of_ours(name, who)


def closing_code(name: str, who: str) -> int:
    """With which code the socket `name` is closed to `who`; LET_IN if it is not."""
    return SIGNED_OUT if who == NOBODY else SOCKETS[name][who]


def _of_ours(name: str, who: str) -> Answers:
    is_staff = who in (ADMIN, SUPERUSER)
    if name in OPERATORS and (is_staff or who == OPERATIONS):
        get, post = OPERATORS[name]
        return get, post if is_staff else READ_ONLY.get(name, post)
    return SIGNED_IN.get(name) or (ADMINS[name] if is_staff and name in ADMINS else (404, 404))


def _of_the_desk(name: str, who: str) -> Answers:
    led_away = (SIGN_IN, SIGN_IN)
    if name in DOORS:
        return DOORS[name].get(who, led_away)
    if who not in (ADMIN, SUPERUSER):
        return led_away
    return DESK.get(name) or _of_a_table(name.removeprefix("admin:"), is_super=who == SUPERUSER)


def _of_a_table(name: str, *, is_super: bool) -> Answers:
    table = max((table for table in TABLES if name.startswith(f"{table}_")), key=len)
    return TABLES[table][is_super][name.removeprefix(f"{table}_")]
