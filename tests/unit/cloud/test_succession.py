"""Calls keep the models that they began with; former ones are given up once nobody uses them."""

import asyncio

from cloud.succession import Succession
from tests.unit.cloud.front.conftest import Models


async def test_a_call_keeps_its_models_and_new_calls_get_the_new_ones() -> None:
    old, new = Models(), Models()
    succession = Succession(old)
    async with succession.using() as used:
        replaced = asyncio.ensure_future(succession.replace(new))
        await asyncio.sleep(0.01)

        assert used is old
        assert succession.newest is new
        assert not replaced.done()
        async with succession.using() as used_now:
            assert used_now is new

    async with asyncio.timeout(1):
        await replaced


async def test_models_that_nobody_uses_are_given_up_at_once() -> None:
    succession = Succession(Models())

    async with asyncio.timeout(1):
        await succession.replace(Models())
