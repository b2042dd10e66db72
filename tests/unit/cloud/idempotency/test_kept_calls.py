"""Calls that a device keeps until they are answered: ended, charged once, repeated openly."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.calls import GenerateCall
from cloud.idempotency.finishing import Finishing
from cloud.stores.database import Database
from cloud.stores.replicas import ReplicaStore
from runtime.errors import AlreadyAnswered, CallInFlight, LeewardError, UpstreamUnavailable
from runtime.key_terms import KeyTerms
from runtime.ports import Completion, TextDelta
from runtime.testing.fakes import ManualClock
from tests.unit.cloud.conftest import DriverFactory
from tests.unit.cloud.idempotency.test_repeats import (
    CountingModel,
    Gateway,
    budgeted,
    keyed,
    spent,
)
from tests.unit.cloud.money_house import NOON, House

WEEK_S = 7 * 86_400.0


@pytest.fixture
def model() -> CountingModel:
    return CountingModel()


def kept(*, no_retry: bool = False, is_repeat: bool = False) -> GenerateCall:
    call = keyed()
    terms = KeyTerms(WEEK_S, no_retry=no_retry, is_repeat=is_repeat)
    return replace(call, request=replace(call.request, key_terms=terms))


async def told(gateway: Gateway, call: GenerateCall) -> tuple[str, int]:
    """Return the number of the model's answer, and how often it had been asked before."""
    text, repeats = "", -1
    async with gateway.serving.answering(call) as opened, aclosing(opened.chunks) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, TextDelta):
                text += chunk.text
            else:
                assert isinstance(chunk, Completion)
                repeats = chunk.upstream_repeats
    return text[-1], repeats


async def test_what_came_to_nothing_is_recorded_and_not_charged(
    house: House, model: CountingModel
) -> None:
    await budgeted(house)
    model.failures, model.fails_after_text = [UpstreamUnavailable("gone")], True
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        with pytest.raises(UpstreamUnavailable):
            await told(gateway, kept())
        assert await spent(house) == 0

        assert await told(gateway, kept()) == ("2", 1)

    assert await spent(house) == 7
    usage = await house.usage()
    assert (usage.calls, usage.cost_micros) == (2, 7)


async def test_a_lost_answer_is_asked_for_again_without_another_charge(
    house: House, model: CountingModel
) -> None:
    await budgeted(house)
    async with house.admission() as one:
        await told(Gateway(one, model, house.clock), kept())
    house.clock.advance(WEEK_S / 2)  # the device was away, and the gateway is another process now

    async with house.admission() as two:
        gateway = Gateway(two, model, house.clock)
        with pytest.raises(AlreadyAnswered):
            await told(gateway, kept())
        assert await told(gateway, kept(is_repeat=True)) == ("2", 1)

    assert model.calls == 2
    assert await spent(house) == 7


async def test_what_a_crash_left_is_taken_back_when_the_call_is_made_again(
    new_driver: DriverFactory, model: CountingModel
) -> None:
    database = await Database.open(new_driver())
    house = House(database, ManualClock(NOON))
    await budgeted(house)
    crashed = house.admission()
    admission = await crashed.__aenter__()
    await admission.reserve(kept(), model.worst_case(None))
    house.clock.advance(60)
    recovered = await ReplicaStore(database, lifetime=timedelta(seconds=20)).recover(
        now=house.clock.now()
    )
    assert recovered == 1
    assert await spent(house) == 10

    async with house.admission() as other:
        assert await told(Gateway(other, model, house.clock), kept()) == ("1", 1)

    assert await spent(house) == 7
    await crashed.__aexit__(None, None, None)
    assert await spent(house) == 7
    await database.close()


@pytest.mark.parametrize("fails", [True, False])
async def test_a_model_that_may_be_asked_once_is_not_asked_again_whatever_came_of_it(
    house: House, model: CountingModel, *, fails: bool
) -> None:
    model.failures = [UpstreamUnavailable("gone")] if fails else []
    async with house.admission() as one:
        gateway = Gateway(one, model, house.clock)
        try:
            await told(gateway, kept(no_retry=True))
        except LeewardError:
            assert fails
    async with house.admission() as two:
        gateway = Gateway(two, model, house.clock)
        for call in (kept(no_retry=True), kept(no_retry=True, is_repeat=True)):
            with pytest.raises(AlreadyAnswered):
                await told(gateway, call)

    assert model.calls == 1


async def test_a_repeat_of_a_repeat_waits_for_it(
    new_driver: DriverFactory, model: CountingModel
) -> None:
    databases = [await Database.open(new_driver()) for _ in range(2)]
    house = House(databases[0], ManualClock(NOON))
    async with house.admission(databases[0]) as one, house.admission(databases[1]) as two:
        first, second = (Gateway(admission, model, house.clock) for admission in (one, two))
        await told(first, kept())
        model.began.clear()
        model.go.clear()
        running = asyncio.ensure_future(told(second, kept(is_repeat=True)))
        await model.began.wait()
        third = Gateway(one, model, house.clock)
        with pytest.raises(CallInFlight):
            await told(third, kept(is_repeat=True))
        model.go.set()
        await running
    for database in databases:
        await database.close()


async def test_a_kept_call_ends_although_its_caller_has_gone(
    house: House, model: CountingModel
) -> None:
    await budgeted(house)
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        finishing = Finishing(gateway.serving)
        model.go.clear()
        async with finishing.answering(kept()) as opened, aclosing(opened.chunks) as chunks:
            assert isinstance(await anext(chunks), TextDelta)
        model.go.set()

        assert await told(gateway, kept()) == ("1", 0)
        await finishing.close()

    assert model.calls == 1
    assert await spent(house) == 7


async def test_an_ordinary_call_is_cancelled_with_its_caller(
    house: House, model: CountingModel
) -> None:
    async with house.admission() as admission:
        gateway = Gateway(admission, model, house.clock)
        finishing = Finishing(gateway.serving)
        model.go.clear()
        async with finishing.answering(keyed()) as opened, aclosing(opened.chunks) as chunks:
            assert isinstance(await anext(chunks), TextDelta)
        model.go.set()

        assert await gateway.ask(keyed()) == "2"


async def test_a_refusal_and_a_failure_of_a_kept_call_are_its_callers(
    house: House, model: CountingModel
) -> None:
    await budgeted(house, micros=1)
    async with house.admission() as admission:
        finishing = Finishing(Gateway(admission, model, house.clock).serving)
        with pytest.raises(LeewardError, match="budget"):
            async with finishing.answering(kept()):
                pass
        await budgeted(house, micros=1000)

    model.failures = [UpstreamUnavailable("gone")]
    async with house.admission() as admission:
        finishing = Finishing(Gateway(admission, model, house.clock).serving)
        async with finishing.answering(kept()) as opened:
            with pytest.raises(UpstreamUnavailable):
                await anext(opened.chunks)
