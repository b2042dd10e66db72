"""Model aliases over real providers: who answers, what it costs, and what failing looks like."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from cloud.charges import Tally
from cloud.routing.breaker import BreakerSettings
from cloud.routing.budget import BudgetSettings
from cloud.upstreams.model import Target
from runtime.errors import (
    CapacityExhausted,
    DeadlineExceeded,
    LeewardError,
    NotFound,
    RequestInvalid,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.ids import ModelName
from runtime.ports import Sampling, TextDelta
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import (
    CALL,
    MODEL,
    SETTINGS,
    completion_of,
    house_of,
    text_of,
)

DOWN = Script(status=503)


async def test_an_answer_carries_alias_node_and_the_price_valid_today() -> None:
    async with house_of(Script(usage=(100, 100))) as house:
        last = completion_of(await house.ask())

    assert (last.model, last.node) == (MODEL, "cloud")
    assert last.usage.cost_usd == (100 * 1 + 100 * 10) / 1e6


async def test_a_target_with_a_price_of_its_own_charges_that() -> None:
    free = (Target("p0", "m", prices=()),)
    async with house_of(Script(usage=(100, 100)), route={"targets": free}) as house:
        last = completion_of(await house.ask())

    assert last.usage.cost_usd == 0


async def test_the_next_target_answers_when_the_first_fails_before_its_first_token() -> None:
    async with house_of(DOWN, Script(pieces=("b",))) as house:
        chunks = await house.ask()

        assert text_of(chunks) == "b"
        assert house.calls() == [1, 1]


async def test_nothing_is_asked_again_once_a_token_has_passed() -> None:
    async with house_of(Script(cut_before=1), Script(pieces=("b",))) as house:
        with pytest.raises(StreamBroken) as broken:
            await house.ask()

        assert broken.value.received_tokens == 1
        assert house.calls() == [1, 0]


async def test_a_target_is_repeated_when_there_is_no_other() -> None:
    async with house_of(Script()) as house:
        house.providers[0].queue = [DOWN, Script(cut_before=0)]

        chunks = await house.ask()

        assert text_of(chunks) == "fourty-two"
        assert house.calls() == [3]


async def test_a_failure_is_named_when_every_attempt_is_used_up() -> None:
    async with house_of(DOWN, Script(status=500)) as house:
        with pytest.raises(UpstreamUnavailable):
            await house.ask()

        assert sum(house.calls()) == SETTINGS.max_attempts


async def test_what_the_provider_rejects_is_not_sent_elsewhere() -> None:
    async with house_of(Script(status=400), Script()) as house:
        with pytest.raises(RequestInvalid):
            await house.ask()

        assert house.calls() == [1, 0]


async def test_a_refused_key_opens_the_breaker_at_once_and_the_next_answers() -> None:
    async with house_of(Script(status=401), Script()) as house:
        await house.ask()
        await house.ask()

        assert house.calls() == [1, 2]
        assert house.metric("leeward_upstream_breaker_open_ratio", upstream="p0") == 1
        name = "leeward_upstream_attempts_total"
        assert house.metric(name, upstream="p0", outcome="key") == 1


async def test_a_provider_that_says_when_to_come_back_is_not_asked_before() -> None:
    limited = Script(status=429, headers=[("retry-after", "30")])
    async with house_of(limited, Script()) as house:
        await house.ask()
        await house.ask()

        assert house.calls() == [1, 2]


async def test_the_caller_is_told_when_to_come_back() -> None:
    limited = Script(status=429, headers=[("retry-after", "30")])
    async with house_of(limited) as house:
        with pytest.raises(CapacityExhausted) as first:
            await house.ask()
        with pytest.raises(CapacityExhausted) as second:
            await house.ask()

        assert 29 < second.value.retry_after_s <= first.value.retry_after_s <= 30
        assert house.calls() == [1]


async def test_a_short_retry_after_is_waited_for() -> None:
    limited = Script(status=429, headers=[("retry-after", "0.1")])
    async with house_of(Script()) as house:
        house.providers[0].queue = [limited]
        clock = asyncio.get_running_loop()
        began_s = clock.time()

        await house.ask()

        assert clock.time() - began_s >= 0.1
        assert house.calls() == [2]


async def test_a_breaker_that_is_open_spares_the_provider_and_the_caller_is_told_at_once() -> None:
    settings = replace(
        SETTINGS, max_attempts=1, breaker=BreakerSettings(failures_in_a_row=2, open_s=60)
    )
    async with house_of(DOWN, settings=settings) as house:
        for _ in range(4):
            with pytest.raises(UpstreamUnavailable):
                await house.ask()

        assert house.calls() == [2]


@pytest.mark.parametrize("answer", [Script(status=429), Script(status=400)])
async def test_a_try_that_says_nothing_of_the_provider_does_not_shut_it_out(
    answer: Script,
) -> None:
    settings = replace(
        SETTINGS, max_attempts=1, breaker=BreakerSettings(failures_in_a_row=1, open_s=0.05)
    )
    async with house_of(Script(), settings=settings) as house:
        house.providers[0].queue = [DOWN, answer]
        for _ in range(2):
            with pytest.raises(LeewardError):
                await house.ask()
            await asyncio.sleep(0.1)
        # What a limit of rate asks for when it does not say.
        await asyncio.sleep(1.1)

        assert text_of(await house.ask()) == "fourty-two"


async def test_repeats_are_bounded_by_a_share_of_the_calls() -> None:
    never = BreakerSettings(failures_in_a_row=10_000, least_calls=10_000)
    settings = replace(SETTINGS, retries=BudgetSettings(share=0, reserve=3), breaker=never)
    async with house_of(DOWN, settings=settings) as house:
        for _ in range(10):
            with pytest.raises(UpstreamUnavailable):
                await house.ask()

        assert 10 + 3 <= house.calls()[0] <= 10 + 4


async def test_equal_targets_share_the_calls_by_weight() -> None:
    targets = (Target("p0", "m", weight=3), Target("p1", "m", weight=1))
    async with house_of(Script(), Script(), route={"targets": targets}) as house:
        for _ in range(60):
            await house.ask()

        first, second = house.calls()
        assert first + second == 60
        assert 35 <= first <= 55


async def test_the_callers_time_bounds_all_attempts_together() -> None:
    async with house_of(Script(stall_before=0), Script(stall_before=0)) as house:
        with pytest.raises(DeadlineExceeded):
            await house.ask(timeout_s=0.2)

        assert house.calls() == [1, 0]


async def test_a_caller_who_leaves_hangs_up_on_the_provider() -> None:
    async with house_of(Script(stall_before=1)) as house:
        async with aclosing(house.router.generate(CALL, Tally())) as chunks:
            assert isinstance(await anext(chunks), TextDelta)

        async with asyncio.timeout(5):
            await house.providers[0].hung_up.wait()


async def test_what_a_call_that_broke_off_was_charged_is_in_its_tally() -> None:
    tally = Tally()
    async with house_of(Script(pieces=("a", "b", "c"), cut_before=2)) as house:
        with pytest.raises(StreamBroken):
            async for _ in house.router.generate(CALL, tally):
                pass

    assert tally.total.completion_tokens == 2
    assert tally.total.prompt_tokens > 0
    assert tally.total.cost_usd > 0
    assert tally.total.estimated


async def test_a_call_that_got_no_token_is_not_charged() -> None:
    tally = Tally()
    async with house_of(DOWN, Script(cut_before=0)) as house:
        with pytest.raises(UpstreamUnavailable):
            async for _ in house.router.generate(CALL, tally):
                pass

    assert tally.total.cost_usd == 0


async def test_callers_in_a_hurry_do_not_open_a_breaker_for_the_others() -> None:
    async with house_of(Script(pause_s=0.3)) as house:
        for _ in range(8):
            with pytest.raises(DeadlineExceeded):
                await house.ask(timeout_s=0.02)

        assert text_of(await house.ask()) == "fourty-two"


async def test_a_model_that_a_provider_does_not_have_is_no_limit_of_rate() -> None:
    async with house_of(Script(status=404)) as house:
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable):
                await house.ask()

        assert house.calls() == [1]


async def test_one_that_is_full_is_passed_over_for_its_equal() -> None:
    targets = (Target("p0", "m"), Target("p1", "m"))
    async with house_of(
        Script(pause_s=0.3), Script(), route={"targets": targets}, spec={"max_concurrency": 1}
    ) as house:
        await asyncio.gather(*(house.ask() for _ in range(2)))

        assert house.calls() == [1, 1]


async def test_an_unknown_model_is_not_found() -> None:
    async with house_of(Script()) as house:
        with pytest.raises(NotFound):
            await house.ask(model=ModelName("nope"))


async def test_a_schema_that_is_no_json_is_the_callers_mistake() -> None:
    async with house_of(Script()) as house:
        with pytest.raises(RequestInvalid):
            await house.ask(sampling=Sampling(json_schema="{"))

        assert house.calls() == [0]
