"""Calls of nodes: once each, never a failed one twice nor kept."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from reference.tabulated import node_calls
from reference.tabulated.cache import CallCache
from reference.tabulated.node_calls import NodeCalls, PortOver
from runtime.errors import BackendUnavailable, LeewardError, RequestInvalid, StreamBroken
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
    Timings,
    Usage,
)

EDGE = NodeName("edge")
REQUEST = GenerateRequest(ModelName("tern-s"), (ChatMessage("user", "2 + 2?"),), Sampling(seed=3))


class OneNode:
    """A node that fails as told before it answers."""

    def __init__(self, *failures: LeewardError, is_cut_off: bool = False) -> None:
        self.calls = 0
        self._failures = list(failures)
        self._is_cut_off = is_cut_off

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.calls += 1
        await asyncio.sleep(0)
        if self._failures:
            raise self._failures.pop(0)
        yield TextDelta("four, ")
        yield TextDelta("Answer: 4")
        if not self._is_cut_off:
            yield Completion(FinishReason.STOP, Usage(9, 6), Timings(0.5, 0.6, 0.75))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CallCache]:
    with CallCache(tmp_path / "calls.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_calls, "_WAIT_S", 0.0)


def calls_of(node: OneNode, cache: CallCache) -> NodeCalls:
    return NodeCalls({EDGE: node}, {"tern-s": EDGE}, weights={"tern-s": "w"}, cache=cache)


async def test_the_same_call_is_made_once_whether_later_or_at_once(cache: CallCache) -> None:
    node = OneNode()
    calls = calls_of(node, cache)

    first, second = await asyncio.gather(calls.call(REQUEST), calls.call(REQUEST))
    third = await calls.call(REQUEST)

    assert first == second == third
    assert (node.calls, calls.counts.fresh, calls.counts.cached) == (1, 1, 1)


async def test_latency_leaves_out_the_wait_behind_other_calls(cache: CallCache) -> None:
    result = await calls_of(OneNode(), cache).call(REQUEST)

    assert result.latency_us == 250_000
    assert (result.prompt_tokens, result.completion_tokens) == (9, 6)


async def test_a_node_that_comes_back_is_asked_again(cache: CallCache) -> None:
    node = OneNode(BackendUnavailable("down"), BackendUnavailable("down"))

    result = await calls_of(node, cache).call(REQUEST)

    assert (result.text, node.calls) == ("four, Answer: 4", 3)


@pytest.mark.parametrize(
    ("node", "failure"),
    [
        (OneNode(RequestInvalid("no")), RequestInvalid),
        (OneNode(*[BackendUnavailable("down")] * 9), BackendUnavailable),
        (OneNode(is_cut_off=True), StreamBroken),
    ],
)
async def test_a_failed_call_is_raised_and_never_kept(
    node: OneNode, failure: type[LeewardError], cache: CallCache
) -> None:
    calls = calls_of(node, cache)

    with pytest.raises(failure):
        await calls.call(REQUEST)

    assert len(cache) == 0
    assert calls.counts.fresh == 0


async def test_whoever_waits_for_a_failing_call_sees_the_failure(cache: CallCache) -> None:
    calls = calls_of(OneNode(RequestInvalid("no")), cache)

    outcomes = await asyncio.gather(
        calls.call(REQUEST), calls.call(REQUEST), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [RequestInvalid, RequestInvalid]


async def test_as_a_port_it_streams_the_answer_and_ends_with_its_completion(
    cache: CallCache,
) -> None:
    port = PortOver(calls_of(OneNode(), cache), EDGE)

    chunks = [chunk async for chunk in port.generate(REQUEST)]

    assert chunks[0] == TextDelta("four, Answer: 4", 6)
    assert isinstance(chunks[1], Completion)
    assert chunks[1].usage == Usage(9, 6)
    assert chunks[1].node == EDGE
