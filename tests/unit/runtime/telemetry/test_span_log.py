"""Spans become lines of the log, and nobody waits for them."""

import asyncio
import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from runtime.telemetry.span_log import LogSpans, log_tracing


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="leeward.trace")


def _named(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["span"] for record in caplog.records]


async def test_a_span_is_logged_once_the_loop_has_done_what_it_is_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracer = log_tracing().get_tracer("t")

    tracer.start_span("one").end()
    tracer.start_span("two").end()
    at_once = _named(caplog)
    await asyncio.sleep(0)

    assert at_once == []
    assert _named(caplog) == ["one", "two"]


async def test_what_is_ended_later_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    tracer = log_tracing().get_tracer("t")

    for name in ("one", "two"):
        tracer.start_span(name).end()
        await asyncio.sleep(0)

    assert _named(caplog) == ["one", "two"]


def test_without_a_loop_a_span_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    log_tracing().get_tracer("t").start_span("one").end()

    assert _named(caplog) == ["one"]


async def test_the_end_of_the_program_loses_none(caplog: pytest.LogCaptureFixture) -> None:
    tracing = log_tracing()
    tracing.get_tracer("t").start_span("one").end()

    tracing.shutdown()
    await asyncio.sleep(0)

    assert _named(caplog) == ["one"]


def test_a_span_that_is_not_sampled_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    tracing = TracerProvider(sampler=ALWAYS_OFF)
    tracing.add_span_processor(LogSpans())

    tracing.get_tracer("t").start_span("one").end()

    assert _named(caplog) == []
