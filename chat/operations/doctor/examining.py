"""All checks, one after the other; one that breaks is a finding and not the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from django.db import DatabaseError, connection

from . import installation, storage, surroundings
from .findings import Finding, error

logger = logging.getLogger(__name__)

Check = Callable[[], Iterable[Finding]]

CHECKS: Final[Mapping[str, Check]] = {
    "python": installation.python,
    "packages": installation.packages,
    "data folder": installation.data_folder,
    "settings": installation.unknown_settings,
    "checks": installation.framework,
    "web": installation.web,
    "mail": installation.mail,
    "translations": installation.translations,
    "static files": installation.static_files,
    "disk": surroundings.disk,
    "database": storage.database,
    "migrations": storage.migrations,
    "sealing keys": storage.sealed_values,
    "append-only tables": storage.only_growing,
    "clock": storage.clock,
    "channel layer": surroundings.channel_layer,
    "cache": surroundings.shared_cache,
    "jobs": surroundings.jobs,
    "embedded model": surroundings.embedded_model,
}


def findings(*, is_thorough: bool = False) -> Iterator[Finding]:
    """What each check finds, as it is found."""
    counting: Check = partial(storage.ledger_totals, is_thorough=is_thorough)
    checks = {**CHECKS, "ledger totals": counting}
    for name, check in checks.items():
        yield from made(name, check)


def made(name: str, check: Check) -> list[Finding]:
    """What a check finds; of what it raises only the kind is told: its words may hold anything."""
    try:
        return list(check())
    except DatabaseError as trouble:
        connection.close()
        remedy = "See what is said of the database and of migrations; check DATABASE_URL"
        return [error(name, f"the database does not work ({type(trouble).__name__})", remedy)]
    except Exception as trouble:  # the edge of a check: the others are still of use
        logger.debug("the check %s broke", name, exc_info=True)
        said = f"it could not be checked ({type(trouble).__name__})"
        return [error(name, said, "Set LOG_LEVEL=DEBUG and run it again to see where")]
