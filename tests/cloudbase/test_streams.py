import asyncio
import gc
from contextlib import aclosing, suppress

import pytest

from chat.cloudbase import errors
from chat.cloudbase.streams import Recording


class Source:
    """Counts to `end`, waiting for `gate` before each number; knows what was asked of it."""

    def __init__(self, end=3, failure=None):
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_closed = False
        self.asked = 0
        self._end = end
        self._failure = failure

    async def numbers(self):
        try:
            for number in range(self._end):
                self.asked += 1
                await self.gate.wait()
                yield number
            if self._failure:
                raise self._failure
        finally:
            self.is_closed = True


async def everything(recording):
    return [item async for item in recording.read()]


async def as_far_as_it_comes(stream):
    """What a stream yields, and the error that ends it if one does."""
    seen = []
    try:
        async for item in stream:
            seen.append(item)
    except Exception as error:  # whatever it is: the test looks at it
        return seen, error
    return seen, None


async def test_readers_one_after_the_other_are_told_everything():
    recording = Recording(Source().numbers())
    assert await everything(recording) == [0, 1, 2]
    assert await everything(recording) == [0, 1, 2]


async def test_readers_at_once_are_told_everything_and_the_source_is_asked_once():
    source = Source()
    recording = Recording(source.numbers())
    assert await asyncio.gather(*[everything(recording) for _ in range(3)]) == [[0, 1, 2]] * 3
    assert source.asked == 3


async def test_the_source_is_asked_only_while_somebody_reads():
    source = Source()
    recording = Recording(source.numbers())
    reader = recording.read()
    assert await anext(reader) == 0
    await asyncio.sleep(0.01)
    assert source.asked == 1
    await reader.aclose()


async def test_what_ends_the_source_is_told_to_every_reader_after_the_rest():
    recording = Recording(Source(2, errors.StreamBroken()).numbers())
    for _ in range(2):
        assert await as_far_as_it_comes(recording.read()) == ([0, 1], recording.failure)
    assert isinstance(recording.failure, errors.StreamBroken)


async def left_by_break(recording):
    async for _ in recording.read():
        break


async def left_by_closing(recording):
    async with aclosing(recording.read()) as reader:
        await anext(reader)


async def left_by_forgetting(recording):
    reader = recording.read()
    await anext(reader)
    del reader
    gc.collect()


async def left_by_an_exception(recording):
    with suppress(ZeroDivisionError):
        async for item in recording.read():
            item / 0


@pytest.mark.parametrize(
    "leave", [left_by_break, left_by_closing, left_by_forgetting, left_by_an_exception]
)
async def test_leaving_early_closes_the_source_and_later_readers_hear_of_it(leave):
    source = Source()
    recording = Recording(source.numbers())
    await leave(recording)
    await asyncio.sleep(0.01)
    assert source.is_closed
    assert await as_far_as_it_comes(recording.read()) == ([0], recording.failure)
    assert isinstance(recording.failure, errors.StreamLeft)


async def test_a_reader_who_leaves_does_not_take_the_others_along():
    source = Source()
    recording = Recording(source.numbers())
    stays = recording.read()
    await anext(stays)
    await left_by_closing(recording)
    assert not source.is_closed
    assert [item async for item in stays] == [1, 2]


async def waiting(recording):
    task = asyncio.create_task(everything(recording))
    await asyncio.sleep(0.01)
    return task


async def test_a_cancelled_reader_does_not_take_the_others_along():
    source = Source()
    source.gate.clear()
    recording = Recording(source.numbers())
    one, other = await waiting(recording), await waiting(recording)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    source.gate.set()
    assert await other == [0, 1, 2]


async def test_the_last_reader_cancelled_closes_the_source_where_it_waits():
    source = Source()
    source.gate.clear()
    task = await waiting(Recording(source.numbers()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.is_closed


async def test_closing_tells_readers_that_wait():
    source = Source()
    source.gate.clear()
    recording = Recording(source.numbers())
    reader = await waiting(recording)
    await recording.aclose()
    assert source.is_closed
    with pytest.raises(errors.StreamLeft):
        await reader


async def test_closing_before_the_source_was_ever_run_closes_it_too():
    source = Source()
    source.gate.clear()
    recording = Recording(source.numbers())
    task = asyncio.create_task(everything(recording))
    await asyncio.sleep(0)
    await recording.aclose()
    with pytest.raises(errors.StreamLeft):
        await task
    assert source.asked == 0


async def test_closing_a_recording_that_was_read_changes_nothing():
    recording = Recording(Source().numbers())
    await recording.finish()
    await recording.aclose()
    assert recording.failure is None
    assert await everything(recording) == [0, 1, 2]


async def test_a_source_that_is_cancelled_from_inside_is_not_taken_for_complete():
    async def cancelled():
        yield 0
        raise asyncio.CancelledError

    with pytest.raises(errors.StreamLeft):
        await everything(Recording(cancelled()))


async def test_a_source_may_close_its_recording():
    async def numbers():
        yield 0
        await recording.aclose()
        await asyncio.sleep(0)
        yield 1

    recording = Recording(numbers())
    with pytest.raises(errors.StreamLeft):
        await everything(recording)


async def test_whoever_leaves_at_the_last_item_has_read_to_the_end():
    source = Source(2)
    recording = Recording(source.numbers(), is_last=lambda number: number == 1)
    async for number in recording.read():
        if number == 1:
            break
    assert recording.failure is None
    assert source.is_closed
    assert await everything(recording) == [0, 1]


async def test_a_recording_can_be_ended_with_a_failure_of_the_callers():
    source = Source()
    recording = Recording(source.numbers())
    reader = recording.read()
    await anext(reader)
    await recording.aclose(LookupError("mine"))
    assert source.is_closed
    assert await as_far_as_it_comes(reader) == ([], recording.failure)
    assert isinstance(recording.failure, LookupError)


async def test_a_failure_is_told_even_when_everything_was_recorded():
    recording = Recording(Source().numbers())
    await recording.finish()
    await recording.aclose(LookupError("mine"))
    seen, failure = await as_far_as_it_comes(recording.read())
    assert seen == [0, 1, 2]
    assert isinstance(failure, LookupError)
