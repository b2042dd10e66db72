"""The real engine when its child dies, hangs or must not live on."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from edge.engine.engine import NodeEngine
from edge.engine.options import EngineOptions
from edge.engine.process import ModelStatus
from runtime.errors import BackendUnavailable, EngineCrashed, LeewardError
from runtime.ids import ModelName
from runtime.ports import GenerateRequest
from tests.integration.engine_calls import ask_of, finish, serving_model

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
NAME = ModelName("tern-s")
OPTIONS = EngineOptions(threads=1, ping_interval_s=0.05, hang_limit_s=2.0, step_limit_s=2.0)
RAMBLE = "Hello"
ENDLESS = "root ::= [a-z] root"
"""A model that is good at its task would stop too soon for what is tested here."""
EXPLODING = (
    "\n".join(f'{f"r{i}" if i else "root"} ::= r{i + 1}? r{i + 1}? "b"?' for i in range(12))
    + '\nr12 ::= "a"'
)
"""Within every bound, and 2 ** 4096 ways to begin: libllama never comes back from it."""
GLUTTONOUS = 'root ::= a{0,300}\na ::= b{0,300}\nb ::= "x"{0,300}'


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    async with serving_model(NAME, MODEL, OPTIONS) as serving:
        yield serving


def ask(content: str = RAMBLE, *, timeout_s: float = 30.0, **sampling: Any) -> GenerateRequest:
    return ask_of(NAME, content, timeout_s=timeout_s, **sampling)


def status(engine: NodeEngine) -> ModelStatus:
    return engine.models()[0]


def pid_of(engine: NodeEngine) -> int:
    pid = status(engine).pid
    assert pid is not None
    return pid


async def wait_until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - a process gives no event to wait for
            await asyncio.sleep(0.005)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_kill_fails_every_open_call_at_once_and_the_next_one_works(
    engine: NodeEngine,
) -> None:
    loop = asyncio.get_running_loop()
    async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))) as running:
        await anext(running)
        waiting = asyncio.create_task(finish(engine, ask(max_tokens=3)))
        await asyncio.sleep(0)
        os.kill(pid_of(engine), signal.SIGKILL)
        killed_s = loop.time()

        with pytest.raises(EngineCrashed, match="SIGKILL"):
            [chunk async for chunk in running]
        with pytest.raises(EngineCrashed):
            await waiting

    assert loop.time() - killed_s < 2.0
    completion = await finish(engine, ask(max_tokens=3))
    assert completion.usage.completion_tokens == 3
    assert loop.time() - killed_s < 5.0
    assert status(engine).restarts == 1


async def test_an_idle_child_that_dies_is_back_before_anyone_asks(engine: NodeEngine) -> None:
    first = pid_of(engine)

    os.kill(first, signal.SIGKILL)

    await wait_until(lambda: status(engine).pid not in {first, None}, limit_s=5.0)
    assert status(engine).state == "ready"


async def test_a_processor_that_lacks_an_instruction_is_named(engine: NodeEngine) -> None:
    async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))) as running:
        await anext(running)
        os.kill(pid_of(engine), signal.SIGILL)

        with pytest.raises(EngineCrashed, match="SIGILL; llama-cpp-python was compiled"):
            [chunk async for chunk in running]


async def test_a_stopped_child_is_killed_and_its_call_gets_a_typed_error(
    engine: NodeEngine,
) -> None:
    async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))) as running:
        await anext(running)
        os.kill(pid_of(engine), signal.SIGSTOP)

        async with asyncio.timeout(8.0):
            with pytest.raises(EngineCrashed, match="no sign of life"):
                [chunk async for chunk in running]

    assert (await finish(engine, ask(max_tokens=2))).usage.completion_tokens == 2


async def test_a_child_stopped_while_idle_is_found_out_by_the_next_call(
    engine: NodeEngine,
) -> None:
    os.kill(pid_of(engine), signal.SIGSTOP)

    async with asyncio.timeout(8.0):
        with pytest.raises(EngineCrashed):
            await finish(engine, ask(max_tokens=2))

    assert (await finish(engine, ask(max_tokens=2))).usage.completion_tokens == 2


async def test_a_stopped_child_cannot_hold_a_caller_beyond_its_deadline(
    engine: NodeEngine,
) -> None:
    os.kill(pid_of(engine), signal.SIGSTOP)
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    with pytest.raises(LeewardError):
        await finish(engine, ask(max_tokens=2, timeout_s=0.1))

    assert loop.time() - started_s < 1.5


async def test_a_grammar_that_explodes_ends_the_child_and_not_the_daemon(
    engine: NodeEngine,
) -> None:
    async with asyncio.timeout(10.0):
        with pytest.raises(EngineCrashed, match="one step took over"):
            await finish(engine, ask(grammar=EXPLODING, max_tokens=5))

    assert (await finish(engine, ask(max_tokens=2))).usage.completion_tokens == 2


async def test_a_grammar_that_eats_memory_meets_a_wall(engine: NodeEngine) -> None:
    await engine.unload(NAME)
    options = replace(OPTIONS, memory_headroom_bytes=16 << 20, step_limit_s=60.0)
    await engine.load(NAME, MODEL, options=options)
    assert (await finish(engine, ask(grammar=ENDLESS, max_tokens=50))).usage.completion_tokens == 50

    async with asyncio.timeout(20.0):
        with pytest.raises(EngineCrashed, match=r"SIGABRT.*bad_alloc"):
            await finish(engine, ask(grammar=GLUTTONOUS))

    assert (await finish(engine, ask(max_tokens=2))).usage.completion_tokens == 2


async def test_a_crash_loop_fails_calls_instead_of_holding_them(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(MODEL.read_bytes())
    options = replace(OPTIONS, restart_wait_s=0.3)
    async with serving_model(NAME, model, options) as engine:
        model.unlink()
        os.kill(pid_of(engine), signal.SIGKILL)
        await wait_until(lambda: status(engine).state == "restarting")

        with pytest.raises(BackendUnavailable, match="being started again"):
            await finish(engine, ask())

        model.write_bytes(MODEL.read_bytes())
        await wait_until(lambda: status(engine).state == "ready")
        assert (await finish(engine, ask(max_tokens=2))).usage.completion_tokens == 2


async def test_unloading_lets_open_calls_end_and_leaves_no_process(engine: NodeEngine) -> None:
    pid = pid_of(engine)
    call = asyncio.create_task(finish(engine, ask(grammar=ENDLESS, max_tokens=200)))
    await wait_until(lambda: status(engine).open_calls == 1)

    unloading = asyncio.create_task(engine.unload(NAME))
    await asyncio.sleep(0)
    with pytest.raises(BackendUnavailable, match="unloaded"):
        await finish(engine, ask())

    assert (await call).usage.completion_tokens == 200
    await unloading
    assert engine.models() == ()
    await wait_until(lambda: is_gone(pid))


async def test_a_call_that_outlives_the_drain_is_ended(engine: NodeEngine) -> None:
    await engine.unload(NAME)
    await engine.load(NAME, MODEL, options=replace(OPTIONS, drain_limit_s=0.05))
    async with aclosing(engine.generate(ask(grammar=ENDLESS, max_tokens=100_000))) as running:
        await anext(running)

        await engine.unload(NAME)

        with pytest.raises(EngineCrashed):
            [chunk async for chunk in running]


@pytest.mark.skipif(
    os.geteuid() != 0, reason="a child that hides from its peers; only root can look"
)
async def test_a_child_sees_no_secret_and_can_write_nothing(engine: NodeEngine) -> None:
    child = psutil.Process(pid_of(engine))

    assert set(child.environ()) <= {
        "PATH",
        "LC_ALL",
        "LC_CTYPE",
        "GGML_NO_BACKTRACE",
        "MALLOC_ARENA_MAX",
    }
    for limit in (psutil.RLIMIT_FSIZE, psutil.RLIMIT_CORE):
        assert child.rlimit(limit) == (0, 0)
    assert child.net_connections(kind="inet") == []


PARENT = """
import asyncio, sys
from pathlib import Path
from edge.engine.engine import NodeEngine
from runtime.clock import SystemClock
from runtime.ports import ChatMessage, GenerateRequest, Sampling

async def main() -> None:
    async with NodeEngine(node="edge-1", clock=SystemClock()) as engine:
        await engine.load("m", Path(sys.argv[1]))
        endless = Sampling(grammar="root ::= [a-z] root", max_tokens=100_000)
        request = GenerateRequest("m", (ChatMessage("user", "Hello"),), endless)
        async for _ in engine.generate(request):
            print(engine.models()[0].pid, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_child_dies_with_the_daemon(end: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, str(MODEL)]
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())

    parent.send_signal(end)

    await parent.communicate()
    await wait_until(lambda: is_gone(pid))
