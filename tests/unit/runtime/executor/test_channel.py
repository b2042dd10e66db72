"""The bounded pipe between steps and reader."""

import asyncio

import pytest

from runtime.executor.channel import EventChannel
from runtime.executor.events import AnswerDelta


def event(text: str) -> AnswerDelta:
    return AnswerDelta(text)


async def test_events_come_out_in_order_and_then_the_end() -> None:
    channel = EventChannel(8)
    channel.put_nowait(event("a"))
    await channel.put(event("b"))
    channel.close()

    assert [await channel.get() for _ in range(4)] == [event("a"), event("b"), None, None]


async def test_a_full_pipe_refuses_and_takes_again_after_a_read() -> None:
    channel = EventChannel(1)

    assert channel.put_nowait(event("a"))
    assert not channel.put_nowait(event("b"))
    await channel.get()
    assert channel.put_nowait(event("b"))


async def test_closing_wakes_a_waiting_reader_even_when_nothing_came() -> None:
    channel = EventChannel(1)
    reading = asyncio.create_task(channel.get())
    await asyncio.sleep(0)

    channel.close()

    assert await reading is None


async def test_many_writers_lose_nothing_over_a_pipe_of_one() -> None:
    channel = EventChannel(1)

    async def write(name: str) -> None:
        for index in range(5):
            await channel.put(event(f"{name}{index}"))

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(write(name))
        texts = []
        while len(texts) < 15:
            got = await channel.get()
            assert got is not None
            texts.append(got.text)

    for name in "abc":
        assert [text for text in texts if text[0] == name] == [f"{name}{i}" for i in range(5)]


async def test_room_given_to_a_cancelled_writer_goes_to_the_next() -> None:
    channel = EventChannel(1)
    channel.put_nowait(event("first"))
    leaving = asyncio.create_task(channel.put(event("never")))
    staying = asyncio.create_task(channel.put(event("second")))
    await asyncio.sleep(0)

    await channel.get()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await staying

    assert await channel.get() == event("second")
