"""One of two providers is killed under load: no call fails that had no token yet.

The providers are processes of their own, killed as the kernel kills them; the router is the real
one. Repeated, because what goes wrong here goes wrong once in a while.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from cloud.admission.prices import Prices
from cloud.charges import Tally
from cloud.routing.metrics import UPSTREAM_ROWS, UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import Route, Target, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import SystemClock
from runtime.errors import LeewardError
from runtime.ids import ModelName, NodeName
from runtime.local.process import LocalProcess
from runtime.ports import ChatMessage, Completion, GenerateRequest
from runtime.telemetry.metrics import Metrics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SERVE = """
import asyncio, json, pathlib, sys
from runtime.testing.scripted_provider import Script, running_provider

# The head of the answer goes long before its first token, so that the kill meets calls that wait
# for a connection's answer, calls that wait for a token, and calls that have some.
SCRIPT = Script(pieces=({"role": "assistant"}, "four", "ty", "-two"), pause_s=0.03, piece_s=0.02)

async def main():
    async with running_provider(SCRIPT) as provider:
        ready = pathlib.Path(sys.argv[1])
        ready.with_suffix(".part").write_text(json.dumps({"http": provider.base_url}))
        ready.with_suffix(".part").rename(ready)
        await asyncio.Event().wait()

asyncio.run(main())
"""
MODEL = ModelName("big")
CALL = GenerateRequest(MODEL, (ChatMessage("user", "hi"),), timeout_s=30.0)
CALLERS = 32
ROUNDS = 20


@dataclass(slots=True)
class Seen:
    """How the calls of one round ended."""

    whole: int = 0
    broken_after_a_token: int = 0
    failed_before: list[str] = field(default_factory=list)
    warm: asyncio.Event = field(default_factory=asyncio.Event)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        """A call ended: say so to whoever waits for the load to have run, or for its end."""
        if self.whole >= 2 * CALLERS:
            self.warm.set()
        if self.whole >= 8 * CALLERS or self.failed_before:
            self.enough.set()


@asynccontextmanager
async def provider(directory: Path, name: str) -> AsyncIterator[tuple[LocalProcess, str]]:
    ready = directory / f"{name}.json"
    process = await LocalProcess.start(
        name,
        [sys.executable, "-c", SERVE, str(ready)],
        log=directory / f"{name}.log",
        environment=dict(os.environ),
    )
    try:
        yield process, (await process.wait_ready_file(ready, timeout_s=60))["http"]
    finally:
        await process.stop()


@asynccontextmanager
async def router_over(*urls: str, **spec: float) -> AsyncIterator[Router]:
    clock = SystemClock()
    specs = [
        UpstreamSpec(f"p{n}", url, None, max_concurrency=2 * CALLERS, **spec)  # type: ignore[arg-type]
        for n, url in enumerate(urls)
    ]
    router = Router(
        {one.name: OpenAIUpstream(one, clock) for one in specs},
        [Route(MODEL, tuple(Target(one.name, "m") for one in specs))],
        RoutingSettings(),
        prices=Prices(),
        node=NodeName("cloud"),
        metrics=UpstreamMetrics(Metrics(CollectorRegistry(), UPSTREAM_ROWS)),
        tracer=NoOpTracer(),
        clock=clock,
        random=random.Random(3),
    )
    try:
        yield router
    finally:
        await router.close()


async def call(router: Router, seen: Seen) -> None:
    tally = Tally()
    tokens = 0
    try:
        async for chunk in router.generate(CALL, tally):
            tokens += 0 if isinstance(chunk, Completion) else chunk.tokens
    except LeewardError as error:
        if tokens:
            seen.broken_after_a_token += 1
        else:
            seen.failed_before.append(f"{type(error).__name__}: {error}")
    else:
        seen.whole += 1
    seen.note()


async def keep_calling(router: Router, seen: Seen) -> None:
    while not seen.enough.is_set():
        await call(router, seen)


async def under_load(router: Router, victim: LocalProcess, how: signal.Signals) -> Seen:
    """Call from all sides, kill the victim in the middle, go on for a while."""
    seen = Seen()
    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(keep_calling(router, seen))
        await seen.warm.wait()
        os.kill(victim.pid, how)
    return seen


@pytest.mark.parametrize("turn", range(ROUNDS))
async def test_no_call_fails_before_its_first_token_when_a_provider_is_killed(
    tmp_path: Path, turn: int
) -> None:
    async with AsyncExitStack() as stack:
        victim, first = await stack.enter_async_context(provider(tmp_path, "a"))
        _, second = await stack.enter_async_context(provider(tmp_path, "b"))
        router = await stack.enter_async_context(router_over(first, second))

        seen = await under_load(router, victim, signal.SIGKILL)

    assert seen.failed_before == []
    assert seen.whole >= 8 * CALLERS


async def test_no_call_fails_when_a_provider_falls_silent_with_its_connections_open(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        victim, first = await stack.enter_async_context(provider(tmp_path, "a"))
        _, second = await stack.enter_async_context(provider(tmp_path, "b"))
        router = await stack.enter_async_context(
            router_over(first, second, first_token_timeout_s=2.0, connect_timeout_s=2.0)
        )
        stack.callback(os.kill, victim.pid, signal.SIGCONT)

        seen = await under_load(router, victim, signal.SIGSTOP)

    assert seen.failed_before == []
