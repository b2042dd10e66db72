"""Many things, some at a time."""

import asyncio
from functools import partial

import pytest

from reference.tabulated.concurrency import gather_some


async def test_results_come_in_order_and_never_more_than_the_limit_run() -> None:
    running = most = 0

    async def one(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    found = await gather_some([partial(one, number) for number in range(9)], 3)

    assert found == list(range(9))
    assert most == 3


async def test_the_first_failure_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await gather_some([fail, fail], 2)
