"""Endpoints that fail, and what a call may cost at most."""

import asyncio
import random
from dataclasses import replace

import pytest

from optimizer.agents.failures import AgentFailed
from optimizer.agents.model import FailureKind
from optimizer.agents.spend import AgentCaps, Tokens
from runtime.testing.scripted_provider import Provider, Script, running_provider
from tests.integration.llm_agent.desk import (
    GOOD,
    WRONG_ID,
    Desk,
    answering,
    reply_text,
)
from tests.unit.optimizer.agents.house import (
    REVISION,
)

# Endpoints that fail.


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(status=503), FailureKind.UNREACHABLE),
        (answering(reply_text(), cut_before=0), FailureKind.BROKEN_OFF),
        (answering(reply_text(), cut_before=3), FailureKind.BROKEN_OFF),
        (answering(reply_text(), finish_reason=None), FailureKind.BROKEN_OFF),
        (answering(reply_text(), stall_before=2), FailureKind.TIMED_OUT),
        (answering("x" * 40 * 200), FailureKind.TOO_LARGE),
        (Script(raw=b"data: {not json\n\n"), FailureKind.BROKEN_OFF),
        (Script(raw=b'data: {"choices": 7}\n\n'), FailureKind.BROKEN_OFF),
        (Script(raw=b'data: {"choices": [{"delta": null}]}\n\n'), FailureKind.BROKEN_OFF),
        (
            Script(raw=b"<html>gateway</html>", pieces=(), finish_reason=None),
            FailureKind.BROKEN_OFF,
        ),
    ],
)
async def test_a_call_that_went_wrong_is_tried_again_and_counted_at_its_most(
    provider: Provider, script: Script, kind: FailureKind
) -> None:
    desk = Desk(provider, idle_timeout_s=0.5)
    provider.queue = [script]

    reply = await desk.agent.revise(REVISION)
    await desk.agent.close()

    failed, answered = desk.exchanges
    assert failed.failure is kind
    assert reply.author == "llm:deep-one"
    assert failed.tokens.completion == 200
    assert desk.meter.spent.estimated_calls == 1
    assert desk.meter.spent.tokens == failed.tokens + answered.tokens
    assert desk.pauses.asked_s == [1.0]


async def test_a_slow_trickle_ends_at_the_calls_own_deadline(provider: Provider) -> None:
    desk = Desk(provider, timeout_s=0.3, tries=1)
    provider.script = answering(reply_text(), stall_before=1)

    failed = await desk.failure()
    await provider.hung_up.wait()
    await desk.agent.close()

    assert failed.kind is FailureKind.TIMED_OUT


async def test_a_rate_limit_is_waited_for_and_costs_nothing(desk: Desk, provider: Provider) -> None:
    provider.queue = [Script(status=429, headers=[("retry-after", "7")])]

    await desk.agent.revise(REVISION)

    assert desk.pauses.asked_s == [7.0]
    assert desk.meter.spent.calls == 2
    assert desk.meter.spent.tokens == Tokens(7, 2)


@pytest.mark.parametrize("wait", ["3600", "inf"])
async def test_a_rate_limit_that_would_take_too_long_is_a_failure(
    desk: Desk, provider: Provider, wait: str
) -> None:
    provider.script = Script(status=429, headers=[("retry-after", wait)])

    failed = await desk.failure()

    assert failed.kind is FailureKind.RATE_LIMITED
    assert desk.pauses.asked_s == []


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_not_tried_again(desk: Desk, provider: Provider, status: int) -> None:
    provider.script = Script(status=status)

    assert (await desk.failure()).kind is FailureKind.REFUSED
    assert len(provider.calls) == 1
    assert desk.meter.spent.tokens == Tokens()


async def test_a_server_that_is_not_there_costs_nothing() -> None:
    async with running_provider() as gone:
        pass
    desk = Desk(gone)

    failed = await desk.failure()
    await desk.agent.close()

    assert failed.kind is FailureKind.UNREACHABLE
    assert desk.pauses.asked_s == [1.0, 2.0]
    assert desk.meter.spent.tokens == Tokens()


# Money.


async def test_missing_usage_is_estimated_from_above(desk: Desk, provider: Provider) -> None:
    provider.script = replace(GOOD, usage=None)

    await desk.agent.revise(REVISION)

    spent = desk.meter.spent
    assert spent.estimated_calls == 1
    assert spent.tokens.prompt > 1000
    assert spent.tokens.completion == 200


@pytest.mark.parametrize("usage", [(-5, 2), (7, -1)])
async def test_nonsense_usage_is_no_usage(
    desk: Desk, provider: Provider, usage: tuple[int, int]
) -> None:
    provider.script = replace(GOOD, usage=usage)

    await desk.agent.revise(REVISION)

    assert desk.meter.spent.estimated_calls == 1


async def test_a_call_that_could_overshoot_a_cap_is_not_made(provider: Provider) -> None:
    for caps in (AgentCaps(calls=0), AgentCaps(tokens=1000), AgentCaps(usd=0.001)):
        desk = Desk(provider, caps=caps)

        failed = await desk.failure()
        await desk.agent.close()

        assert failed.kind is FailureKind.CAP_REACHED
    assert provider.calls == []


async def test_retries_stop_at_the_cap(provider: Provider) -> None:
    provider.script = answering("no", usage=None)
    desk = Desk(provider, caps=AgentCaps(usd=0.013))

    failed = await desk.failure()
    await desk.agent.close()

    assert failed.kind is FailureKind.CAP_REACHED
    assert 1 <= len(provider.calls) < 3
    assert len(failed.rejections) == len(provider.calls)
    assert desk.meter.spent.usd <= 0.013


@pytest.mark.parametrize("seed", range(6))
async def test_no_cap_is_overshot_by_any_mixture_of_calls(provider: Provider, seed: int) -> None:
    draw = random.Random(seed)
    caps = AgentCaps(calls=draw.randint(3, 12), tokens=draw.randint(20_000, 90_000), usd=0.08)
    desk = Desk(provider, caps=caps)
    kinds = (
        *(GOOD, WRONG_ID, replace(GOOD, usage=None), replace(GOOD, usage=(3000, 200))),
        *(Script(status=429), Script(status=503), answering(reply_text(), cut_before=1)),
    )
    provider.queue = draw.choices(kinds, k=60)
    failures = list[FailureKind]()

    while FailureKind.CAP_REACHED not in failures:
        try:
            await desk.agent.revise(REVISION)
        except AgentFailed as failed:
            failures.append(failed.kind)
    await desk.agent.close()

    spent = desk.meter.spent
    assert spent.calls == len(provider.calls) <= (caps.calls or 0)
    assert spent.tokens.total <= (caps.tokens or 0)
    assert spent.usd <= (caps.usd or 0)
    assert spent.tokens == sum((item.tokens for item in desk.exchanges), Tokens())


async def test_a_cancelled_call_is_counted_as_lost(provider: Provider) -> None:
    desk = Desk(provider)
    provider.script = answering(reply_text(), stall_before=1)
    task = asyncio.create_task(desk.agent.revise(REVISION))
    await provider.asked.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await desk.agent.close()

    assert desk.exchanges[0].failure is FailureKind.LOST
    assert desk.meter.spent.tokens.completion == 200
