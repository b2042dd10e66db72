"""Waiting for a provider: its patience, the caller's, and callers who leave meanwhile."""

import asyncio

import pytest

from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.reading import Reading
from runtime.clock import SystemClock
from runtime.errors import DeadlineExceeded
from runtime.ids import ModelName
from runtime.ports import ChatMessage, GenerateRequest, Sampling


def reading(*, timeout_s: float = 30.0, patience_s: float = 30.0) -> Reading:
    spec = UpstreamSpec("up", "http://127.0.0.1:1/v1", "key", first_token_timeout_s=patience_s)
    request = GenerateRequest(
        model=ModelName("m"),
        messages=(ChatMessage("user", "hello"),),
        sampling=Sampling(),
        timeout_s=timeout_s,
    )
    made = Reading(spec, request, SystemClock())
    made.start()
    return made


async def test_a_caller_who_leaves_just_as_the_answer_arrives_is_not_kept() -> None:
    arrival = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(reading().wait(arrival))
    await asyncio.sleep(0)

    arrival.set_result("answer")
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_what_arrives_is_returned() -> None:
    arrival = asyncio.get_running_loop().create_future()
    arrival.set_result("answer")

    assert await reading().wait(arrival) == "answer"


async def test_a_provider_that_stays_silent_is_unavailable() -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await reading(patience_s=0.01).wait(asyncio.get_running_loop().create_future())

    assert failed.value.fault is Fault.SILENT
    assert "silent for 0.01 s before the first token" in str(failed.value.error)


async def test_a_caller_whose_time_is_over_is_told_so() -> None:
    with pytest.raises(UpstreamFailed) as failed:
        await reading(timeout_s=0.01).wait(asyncio.get_running_loop().create_future())

    assert isinstance(failed.value.error, DeadlineExceeded)
