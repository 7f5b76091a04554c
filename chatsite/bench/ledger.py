"""`bench ledger`: how long the sums of a large ledger take.

The rows are synthetic and lie in a database of their own: ninety days up to now, 200 people who use
three of 30 models each and now and then any. The totals are made by a rebuild. Each question is
asked a few times; the medians count. SQLite works in the process that asks, so that its processor
time is what a question costs, whatever else the machine does.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, Final

import msgspec
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from admin_models.models import Team
from chat.figures import sums
from chat.figures.sums import Dimension, Narrowing, Span
from chat.ledger import entries, totals
from chat.models import DaySpeeds, DayTotal, HourTotal, SiteDaySpeeds, SiteDayTotal, Usage
from chatsite import preparation
from chatsite.bench import processes

DAYS: Final = 90
PEOPLE: Final = 200
MODELS: Final = 30
GOAL: Final = 500.0
"""Milliseconds that a question may take."""
TIMES: Final = 5
AT_ONCE: Final = 10_000
TEAM: Final = 20
"""People in the team that is asked for."""

Say = Callable[[str], None]


class Taken(msgspec.Struct):
    """How long something took by the clock, and of that by the processor."""

    clock: float
    processor: float


class Measured(msgspec.Struct):
    """How many rows there were in each table, what work on all of them took (seconds), and each
    question (milliseconds)."""

    rows: dict[str, int]
    seconds: dict[str, Taken]
    milliseconds: dict[str, Taken]
    troubles: list[str]


def measure(rows: int, say: Say) -> Measured:
    """Run the bench in a folder that vanishes. Raises ProcessFailed."""
    say(f"Writing {rows} rows and asking …")
    with tempfile.TemporaryDirectory(prefix="chatsite-ledger-") as folder:
        variables = {"CHATSITE_DATA_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"}
        command = processes.python("manage.py", "bench", "time-ledger", str(rows))
        return msgspec.json.decode(processes.answer_of(command, variables=variables), type=Measured)


def table(measured: Measured) -> str:
    """The figures, for a terminal."""
    lines = [f"{name:36} {count:10}" for name, count in measured.rows.items()]
    lines.append(f"{'':36} {'processor':>10} {'clock':>10}")
    for name, taken in measured.seconds.items():
        lines.append(f"{name:36} {taken.processor:10.1f} {taken.clock:10.1f} s")
    for name, taken in measured.milliseconds.items():
        verdict = "reached" if taken.processor <= GOAL else "missed"
        figures = f"{taken.processor:10.0f} {taken.clock:10.0f} ms"
        lines.append(f"{name:36} {figures}   goal ≤ {GOAL:g}, {verdict}")
    return "\n".join(lines)


# In the process that has the database


def timed(rows: int) -> Measured:
    """Fill the database and ask it."""
    preparation.migrate(lambda _words: None)
    people = User.objects.bulk_create(User(username=f"p{number}") for number in range(PEOPLE))
    team = Team.objects.create(name="team")
    team.members.set(people[:TEAM])
    _fill(rows, [person.pk for person in people])
    differences: list[totals.Difference] = []
    seconds = {
        "rebuild of all totals": _took(totals.rebuild, times=1),
        "comparison with a full count": _took(
            lambda: differences.extend(totals.differences()), times=1
        ),
    }
    questions = {"one row more, with its totals": _one_more, **_questions(people[0].pk, team.pk)}
    tables = (Usage, HourTotal, SiteDayTotal, DayTotal, SiteDaySpeeds, DaySpeeds)
    return Measured(
        rows={table.__name__: table.objects.count() for table in tables},
        seconds=seconds,
        milliseconds={name: _took(ask, in_a_second=1000) for name, ask in questions.items()},
        troubles=[str(difference) for difference in differences],
    )


def _fill(rows: int, people: list[int]) -> None:
    """Write some of the rows, and the others as copies of these at other times, the oldest first as
    in any ledger."""
    written = min(rows, AT_ONCE)
    Usage.objects.bulk_create(islice(_rows(people), written))
    columns = ", ".join(str(f.column) for f in Usage._meta.concrete_fields if not f.primary_key)
    shifted = columns.replace("created_at", f"{_AT_ANOTHER_TIME} AS created_at")
    # The names are our own columns.
    copy = f"INSERT INTO copies SELECT {shifted} FROM chat_usage"  # noqa: S608
    keep = f"INSERT INTO chat_usage ({columns}) SELECT * FROM copies ORDER BY created_at"  # noqa: S608
    copies = rows // written
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE copies AS SELECT {columns} FROM chat_usage LIMIT 0")  # noqa: S608
        for number in range(1, copies):
            cursor.execute(copy, {"days": DAYS * number / copies, "ninety": DAYS})
        cursor.execute(keep)
        cursor.execute("DROP TABLE copies")


_AT_ANOTHER_TIME: Final = (
    "strftime('%%Y-%%m-%%d %%H:%%M:%%f', created_at, "
    "CASE WHEN julianday('now') - julianday(created_at) + %(days)s < %(ninety)s "
    "THEN -%(days)s ELSE %(ninety)s - %(days)s END || ' days')"
)
"""So many days earlier, or, where that is too old, as much less than ninety days later."""


def _one_more() -> None:
    with suppress(_TakenBack), transaction.atomic():
        entries.write([next(_rows([1]))])
        raise _TakenBack


class _TakenBack(Exception):
    pass


def _took(ask: Callable[[], Any], *, times: int = TIMES, in_a_second: int = 1) -> Taken:
    taken = []
    for _ in range(times):
        clock, processor = time.perf_counter(), time.process_time()
        ask()
        taken.append((time.perf_counter() - clock, time.process_time() - processor))
    by_clock, by_processor = (median(each) * in_a_second for each in zip(*taken, strict=True))
    return Taken(by_clock, by_processor)


def _questions(person: int, team: int) -> dict[str, Callable[[], Any]]:
    end = timezone.now()
    quarter, week = Span(end - timedelta(days=DAYS), end), Span(end - timedelta(days=7), end)
    all_of, of_team, of_person = Narrowing(), Narrowing(team_pk=team), Narrowing(user_pk=person)
    asked: dict[str, Callable[[], Any]] = {}
    for name, narrowing in (("", all_of), (" of a model", Narrowing(model_name="model-3"))):
        asked[f"over 90 days{name}"] = partial(sums.over, quarter, narrowing)
        asked[f"series of 90 days{name}"] = partial(sums.series, quarter, narrowing, "day")
        asked[f"series of 168 hours{name}"] = partial(sums.series, week, narrowing, "hour")
    for by in Dimension:
        asked[f"split of 90 days by {by}"] = partial(sums.split, quarter, all_of, by)
    asked["speeds of 90 days"] = partial(sums.speeds, quarter, all_of)
    asked["speed series of 90 days"] = partial(sums.speed_series, quarter, all_of, "day")
    asked["speed series of 168 hours"] = partial(sums.speed_series, week, all_of, "hour")
    asked["failures of 90 days"] = partial(sums.failures, quarter, all_of)
    for name, narrowing in (("a person", of_person), ("a team of 20", of_team)):
        asked[f"over 90 days of {name}"] = partial(sums.over, quarter, narrowing)
        asked[f"series of 168 hours of {name}"] = partial(sums.series, week, narrowing, "hour")
        asked[f"speeds of 90 days of {name}"] = partial(sums.speeds, quarter, narrowing)
        asked[f"failures of 90 days of {name}"] = partial(sums.failures, quarter, narrowing)
    for name, narrowing in (("all", all_of), ("a person", of_person), ("a team of 20", of_team)):
        asked[f"newest 100 rows of {name}"] = partial(_page, quarter, narrowing)
    return asked


def _page(span: Span, narrowing: Narrowing) -> list[Usage]:
    return list(sums.rows(span, narrowing)[:100])


# Rows


def _rows(people: list[int]) -> Iterator[Usage]:
    """Any number of them, the same every time."""
    chance = random.Random(7)  # noqa: S311  # nothing secret
    now = datetime.now(UTC)
    favourites = {person: chance.sample(range(MODELS), 3) for person in people}
    while True:
        person = chance.choice(people)
        model = chance.choice(favourites[person])
        if chance.random() < 0.05:  # now and then any
            model = chance.randrange(MODELS)
        yield _row(chance, person, model, now - timedelta(days=chance.random() * DAYS))


_ENDINGS: Final = ("done",) * 90 + ("stopped",) * 4 + ("failed",) * 5 + ("interrupted",)


def _row(chance: random.Random, person: int, model: int, at: datetime) -> Usage:
    ending = chance.choice(_ENDINGS)
    prompt, completion = int(chance.lognormvariate(7, 1)), int(chance.lognormvariate(5.5, 0.8))
    is_priced = model % 5 > 0
    cost: Any = Decimal(prompt * 2 + completion * 8).scaleb(-6)  # the stubs know no amounts
    first = chance.lognormvariate(-0.3, 0.5)
    return Usage(
        user_id=person,
        env_id=f"env-{model % 3}",
        environment_name=f"Environment {model % 3}",
        group_name=("cloudbase", "custom-a", "custom-b")[model % 3],
        requested_model=f"model-{model}",
        answered_model=f"model-{model}",
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        currency="CNY" if is_priced else "",
        cost=cost if is_priced else None,
        confidence="estimated" if ending in ("stopped", "interrupted") else "reported",
        first_token_seconds=first,
        duration_seconds=first + completion / chance.lognormvariate(4, 0.4),
        final_status=ending,
        error_stage="call" if ending == "failed" else "",
        error_code=chance.choice(("rate_limited", "provider_failed")) if ending == "failed" else "",
        created_at=at,
    )
