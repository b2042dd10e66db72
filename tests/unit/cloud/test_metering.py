"""One usage record per call, however the call ends."""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.metering import Metering
from cloud.stores.database import Database
from cloud.stores.usage import UsageStore, UsageTotal
from runtime.clock import SystemClock
from runtime.errors import StreamBroken
from runtime.ids import DeviceId, ModelName
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Usage,
)

DEVICE = DeviceId("edge-1")
CALL = GenerateRequest(model=ModelName("big"), messages=(ChatMessage("user", "hi"),))


class Scripted:
    """A model port that plays chunks and failures."""

    def __init__(self, *items: Chunk | Exception) -> None:
        self._items = items

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item


@pytest.fixture
async def usage(tmp_path: Path) -> AsyncIterator[UsageStore]:
    database = await Database.open(tmp_path / "gateway.sqlite")
    yield UsageStore(database)
    await database.close()


async def totals(usage: UsageStore) -> list[UsageTotal]:
    return await usage.totals(datetime(2020, 1, 1, tzinfo=UTC))


async def test_a_finished_call_is_recorded_with_its_settled_usage(usage: UsageStore) -> None:
    end = Completion(FinishReason.STOP, usage=Usage(10, 5, cost_usd=0.25))
    metering = Metering(Scripted(TextDelta("a"), end), usage, SystemClock())

    _ = [chunk async for chunk in metering.generate(CALL, DEVICE)]

    (total,) = await totals(usage)
    assert (total.calls, total.failed, total.prompt_tokens, total.cost_usd) == (1, 0, 10, 0.25)


async def test_the_record_is_there_before_the_completion_is_passed_on(usage: UsageStore) -> None:
    end = Completion(FinishReason.STOP, usage=Usage(10, 5))
    metering = Metering(Scripted(end), usage, SystemClock())
    chunks = metering.generate(CALL, DEVICE)

    await anext(chunks)

    assert len(await totals(usage)) == 1
    await chunks.aclose()
    assert (await totals(usage))[0].calls == 1


async def test_a_broken_call_is_recorded_with_what_had_arrived(usage: UsageStore) -> None:
    broken = StreamBroken("gone", received_tokens=2)
    metering = Metering(Scripted(TextDelta("a"), TextDelta("b"), broken), usage, SystemClock())

    with pytest.raises(StreamBroken):
        _ = [chunk async for chunk in metering.generate(CALL, DEVICE)]

    (total,) = await totals(usage)
    assert (total.failed, total.completion_tokens) == (1, 2)


async def test_a_caller_that_goes_away_is_recorded_too(usage: UsageStore) -> None:
    end = Completion(FinishReason.STOP)
    metering = Metering(Scripted(TextDelta("a"), TextDelta("b"), end), usage, SystemClock())
    chunks = metering.generate(CALL, DEVICE)
    await anext(chunks)

    await chunks.aclose()

    (total,) = await totals(usage)
    assert (total.calls, total.failed) == (1, 1)
