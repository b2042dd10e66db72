"""Runs side by side: the first alone until it says something, and all end together."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from runtime.errors import EngineCrashed, StreamBroken
from runtime.executor.events import AnswerDelta, AnswerFinished, Event
from runtime.http.choices import side_by_side
from runtime.labels import PUBLIC
from runtime.ports import FinishReason

FINISHED = AnswerFinished("ab", FinishReason.STOP, PUBLIC)


class Runs:
    """Runs that go on as the test says."""

    def __init__(self, *, failing: int = -1, silent: int = -1) -> None:
        self.first_may_speak = asyncio.Event()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self._failing = failing
        self._silent = silent

    async def begin(self, choice: int) -> AsyncGenerator[Event, None]:
        self.begun.append(choice)
        try:
            if choice == 0:
                await self.first_may_speak.wait()
            yield AnswerDelta("a")
            if choice == self._failing:
                raise EngineCrashed("gone")
            yield AnswerDelta("b")
            if choice != self._silent:
                yield FINISHED
        finally:
            self.ended.append(choice)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_others_begin_once_the_first_has_said_something() -> None:
    runs = Runs()
    told = side_by_side(runs.begin, 3)
    first = asyncio.ensure_future(anext(told))
    await settled()
    assert runs.begun == [0]

    runs.first_may_speak.set()
    said = [await first, *[one async for one in told]]

    assert runs.begun == [0, 1, 2]
    for choice in range(3):
        events = [one.event for one in said if one.choice == choice]
        assert events == [AnswerDelta("a"), AnswerDelta("b"), FINISHED]


async def test_a_reader_who_leaves_ends_every_run() -> None:
    runs = Runs()
    runs.first_may_speak.set()
    told = side_by_side(runs.begin, 4)
    while len(runs.begun) < 4:
        await anext(told)

    await told.aclose()

    assert sorted(runs.ended) == sorted(runs.begun) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("runs", "failure"), [(Runs(failing=2), EngineCrashed), (Runs(silent=1), StreamBroken)]
)
async def test_one_that_fails_or_says_no_end_ends_all(runs: Runs, failure: type[Exception]) -> None:
    runs.first_may_speak.set()

    with pytest.raises(failure):
        _ = [one async for one in side_by_side(runs.begin, 3)]

    assert sorted(runs.ended) == [0, 1, 2]
