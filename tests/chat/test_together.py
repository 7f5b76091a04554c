"""Work that is done together, as several kinds of it do at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextvars import copy_context

import pytest

from chat.turns.together import Together


async def test_what_comes_while_others_are_written_is_written_next_and_together():
    batches: list[list[int]] = []
    is_writing, may_end = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> None:
        batches.append(list(items))
        is_writing.set()
        may_end.wait()

    together = Together(write, copy_context())
    first = asyncio.create_task(together.write(0))
    await asyncio.to_thread(is_writing.wait)
    others = [asyncio.create_task(together.write(number)) for number in range(1, 5)]
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(first, *others)
    assert batches == [[0], [1, 2, 3, 4]]


async def test_two_kinds_of_work_at_once_do_not_stand_in_each_others_way():
    context = copy_context()
    done: list[int] = []
    kinds = [Together(done.extend, context) for _ in range(2)]
    for round_ in range(50):
        await asyncio.gather(*(kind.write(round_) for kind in kinds for _ in range(3)))
    assert len(done) == 2 * 3 * 50


async def test_a_failure_reaches_everyone_it_concerns_and_nobody_else():
    def write(items: Sequence[int]) -> None:
        if 0 in items:
            raise ZeroDivisionError

    together: Together[int] = Together(write, copy_context())
    broken = await asyncio.gather(together.write(0), together.write(1), return_exceptions=True)
    assert [type(error) for error in broken] == [ZeroDivisionError, ZeroDivisionError]
    await together.write(2)


async def test_an_item_is_written_also_if_nobody_waits_for_it():
    done: list[int] = []
    together: Together[int] = Together(done.extend, copy_context())
    leaving = asyncio.create_task(together.write(0))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await together.write(1)
    assert done == [0, 1]
