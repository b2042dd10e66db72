"""A run of the benchmark of patterns ends in its time, with what was done from the first on."""

import asyncio
from functools import partial

from bench.patterns_live import in_time


async def after(wait_s: float, number: int) -> int:
    await asyncio.sleep(wait_s)
    return number


def test_all_that_is_done_in_time_comes_in_order() -> None:
    makers = [partial(after, (5 - number) / 100, number) for number in range(5)]

    assert asyncio.run(in_time(makers, 60.0)) == [0, 1, 2, 3, 4]


def test_nothing_behind_the_first_that_took_too_long_counts() -> None:
    makers = [partial(after, 60.0 if number == 2 else 0.0, number) for number in range(5)]

    assert asyncio.run(in_time(makers, 0.3)) == [0, 1]


def test_no_time_at_all_brings_nothing() -> None:
    assert asyncio.run(in_time([partial(after, 60.0, 0)], 0.0)) == []
