"""The rounds of ``bench.edge_serving``: each figure beside its peer, in turns."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any, Final

from bench.edge_serving_budget import LOOPS, OURS, ProcessorTimes, budget
from bench.edge_serving_load import Stream, ask_node, ask_packaged, prompt_of, rate_of
from bench.edge_serving_widths import most_speedup
from bench.edge_serving_world import DRAFT, MOST_CALLERS, PLAIN, RANDOM, TRAINED, World
from reference.tasks import questions
from reference.weights import weights_path
from runtime.rpc.inference_client import InferenceClient

__all__ = ["FULL", "QUICK", "Size", "guesses", "identical_text", "latency", "prefix", "rates"]

_PROMPT_TOKENS: Final = 32
_RUNNING: Final = 8
_NEWCOMER_TOKENS: Final = 512
_PREFIX_TOKENS: Final = 1000
_STEADY_TOKENS: Final = 12
_numbers = count()
"""No two prompts of a run begin alike, or kept prefixes would answer for the engine."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    tokens: int
    """Of each answer."""
    arrivals: int
    """Newcomers among running streams."""
    questions: int


FULL: Final = Size(rounds=9, tokens=96, arrivals=20, questions=100)
QUICK: Final = Size(rounds=3, tokens=40, arrivals=4, questions=24)


async def rates(world: World, size: Size) -> dict[str, object]:
    """Tokens per second: alone, and many callers together; and whose processor time they take."""
    tokens = size.tokens
    times = {
        **{name: ProcessorTimes({"loop": world.loops.pid}) for name in LOOPS},
        **{name: ProcessorTimes(_our_pids(world)) for name in OURS},
    }

    async def bare(name: str, **asked: Any) -> float:
        times[name].begin()
        answer = await world.loops.ask(prompt_tokens=_PROMPT_TOKENS, tokens=tokens, **asked)
        times[name].end(answer["tokens"])
        return float(answer["tokens"] / answer["seconds"])

    async with world.callers(MOST_CALLERS) as clients:

        async def ours(callers: int) -> float:
            times[f"leeward_{callers}"].begin()
            streams = await asyncio.gather(*(_ask(client, tokens) for client in clients[:callers]))
            times[f"leeward_{callers}"].end(sum(stream.count for stream in streams))
            return streams[0].rate if callers == 1 else rate_of(streams)

        async def packaged(callers: int) -> float:
            # Its rate does not depend on how long the answers are, and it is slow.
            few = max(tokens // 4, 12)
            asked = (
                ask_packaged(world.packaged, _prompt(), max_tokens=few) for _ in range(callers)
            )
            return rate_of(await asyncio.gather(*asked))

        kinds: dict[str, Callable[[], Awaitable[float]]] = {
            "raw_loop_1": lambda: bare("raw_loop_1", loop="single"),
            "leeward_1": lambda: ours(1),
            "packaged_server_8": lambda: packaged(8),
            "batched_loop_8": lambda: bare("batched_loop_8", loop="batched", sequences=8),
            "leeward_8": lambda: ours(8),
            "packaged_server_16": lambda: packaged(16),
            "batched_loop_16": lambda: bare("batched_loop_16", loop="batched", sequences=16),
            "leeward_16": lambda: ours(16),
        }
        found: dict[str, list[float]] = {name: [] for name in kinds}
        # Warms every side up, and the connections.
        await asyncio.gather(*(_ask(client, tokens) for client in clients[:2]))
        await world.loops.ask(loop="single", prompt_tokens=_PROMPT_TOKENS, tokens=tokens)
        await packaged(1)
        for number in range(size.rounds):
            for name, measure in kinds.items():
                found[name].append(await measure())
            print(f"round {number + 1} of {size.rounds}", file=sys.stderr)
    return {
        "ratio_single_vs_raw_loop": _ratio(found, "leeward_1", "raw_loop_1"),
        "ratio_vs_batched_loop_8": _ratio(found, "leeward_8", "batched_loop_8"),
        "ratio_vs_batched_loop_16": _ratio(found, "leeward_16", "batched_loop_16"),
        "ratio_vs_packaged_server_8": _ratio(found, "leeward_8", "packaged_server_8"),
        "ratio_vs_packaged_server_16": _ratio(found, "leeward_16", "packaged_server_16"),
        "tokens_per_s": {name: round(statistics.median(each), 1) for name, each in found.items()},
        "tokens_per_s_spread": {
            name: [round(min(each), 1), round(max(each), 1)] for name, each in found.items()
        },
        **budget(
            {name: statistics.median(each) for name, each in found.items()},
            times,
            takes_every_core=world.takes_every_core,
        ),
    }


def _our_pids(world: World) -> dict[str, int]:
    return {"model": world.engine_pids[RANDOM], "daemon": world.node.pid, "client": os.getpid()}


async def latency(world: World, size: Size) -> dict[str, object]:
    """A ninth caller with a long prompt among eight running streams: its wait, and theirs."""
    firsts: list[float] = []
    steady: list[float] = []
    meanwhile: list[float] = []
    async with world.callers(_RUNNING + 1) as clients:
        for _ in range(size.arrivals):
            running = [Stream(perf_counter()) for _ in range(_RUNNING)]
            tasks = [
                asyncio.create_task(_ask(client, 2000, stream=stream))
                for client, stream in zip(clients[:-1], running, strict=True)
            ]
            await _until(running, _STEADY_TOKENS)
            since_s = perf_counter()
            tokens = 3 * _STEADY_TOKENS
            await _until(running, tokens)
            # Tokens of a fast model travel together: one message is no gap yet.
            while not any(stream.gaps_s(since_s, perf_counter()) for stream in running):
                tokens += _STEADY_TOKENS
                await _until(running, tokens)
            arrived_s = perf_counter()
            prompt = prompt_of(_NEWCOMER_TOKENS, next(_numbers))
            newcomer = await ask_node(clients[-1], RANDOM, prompt, max_tokens=4)
            first_s = newcomer.first_s
            # The pieces that were on their way when it came through count as well.
            until_s = arrived_s + first_s
            while not any(stream.gaps_s(arrived_s, until_s) for stream in running):
                await asyncio.sleep(0.005)
                until_s = perf_counter()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            firsts.append(first_s)
            for stream in running:
                steady += stream.gaps_s(since_s, arrived_s)
                meanwhile += stream.gaps_s(arrived_s, until_s)
    bare = await world.loops.ask(
        loop="stall",
        sequences=_RUNNING,
        prompt_tokens=_PROMPT_TOKENS,
        newcomer_tokens=_NEWCOMER_TOKENS - 8,
    )
    usual_s = statistics.median(steady)
    return {
        "ttft_ms_p50": _ms(statistics.median(firsts)),
        "ttft_ms_p99": _ms(_percentile(firsts, 99)),
        "inter_token_p99_over_p50": round(_percentile(meanwhile, 99) / usual_s, 2),
        "inter_token_p50_over_p50": round(statistics.median(meanwhile) / usual_s, 2),
        "inter_token_ms_p50_without_newcomer": _ms(usual_s),
        "stall_without_chunking_over_p50": round(bare["seconds"] / bare["step_s"], 2),
    }


async def prefix(world: World, size: Size) -> dict[str, object]:
    """The second of two requests that begin with the same thousand tokens."""
    cold: list[float] = []
    warm: list[float] = []
    cached: list[int] = []
    async with world.callers(1) as (client,):
        for _ in range(size.arrivals):
            shared = prompt_of(_PREFIX_TOKENS, next(_numbers))
            for end, firsts in (("One?", cold), ("Two?", warm)):
                stream = await ask_node(client, RANDOM, shared + end, max_tokens=2)
                firsts.append(stream.first_s)
            if stream.completion is not None:
                cached.append(stream.completion.usage.cached_tokens)
    return {
        "prefix_hit_ttft_ratio": round(statistics.median(warm) / statistics.median(cold), 4),
        "prefix_cold_ttft_ms": _ms(statistics.median(cold)),
        "prefix_hit_ttft_ms": _ms(statistics.median(warm)),
        "prefix_cached_tokens": min(cached),
    }


async def identical_text(world: World, size: Size) -> dict[str, object]:
    """How often a trained model's greedy answer is the same alone and among seven others."""
    texts = [question.text for question in questions(count=size.questions)]
    async with world.callers(_RUNNING) as clients:
        alone = [await _greedy(clients[0], text) for text in texts]
        together: list[str] = []
        for start in range(0, len(texts), _RUNNING):
            group = texts[start : start + _RUNNING]
            asked = (_greedy(client, text) for client, text in zip(clients, group, strict=False))
            together += await asyncio.gather(*asked)
    same = sum(one == other for one, other in zip(alone, together, strict=True))
    return {"identical_text_share": round(same / len(texts), 4), "texts": len(texts)}


async def guesses(world: World, size: Size) -> dict[str, object]:
    """One stream that guesses over one that does not, and eight streams of each."""
    texts = [question.text for question in questions(count=size.rounds * _RUNNING, seed=1)]
    rates_of: dict[str, list[float]] = {}

    async def answer(kind: str, clients: Sequence[InferenceClient], asked: list[_Asked]) -> None:
        streams = await asyncio.gather(
            *(
                ask_node(client, one.model, one.text, max_tokens=one.tokens, **one.sampling)
                for client, one in zip(clients, asked, strict=True)
            )
        )
        rates_of.setdefault(kind, []).append(rate_of(streams))
        rates_of.setdefault(f"{kind}_from_first", []).append(streams[0].rate)

    async with world.callers(_RUNNING) as clients:
        for start in range(0, len(texts), _RUNNING):
            group = texts[start : start + _RUNNING]
            for name, model in (("with", TRAINED), ("without", PLAIN[TRAINED])):
                for text in group:
                    await answer(f"{name}_1", clients[:1], [_Asked(model, text, 160)])
                await answer(f"{name}_8", clients, [_Asked(model, text, 160) for text in group])
            drawn = {"temperature": 1.0, "seed": start}
            for name, model in (("with", RANDOM), ("without", PLAIN[RANDOM])):
                one = _Asked(model, _prompt(), size.tokens, drawn)
                await answer(f"{name}_no_repeat", clients[:1], [one])
    await world.node.say("status")
    counted = next(one for one in await world.node.hear() if one["name"] == TRAINED)
    acceptance = counted["right"] / max(counted["guessed"], 1)
    target, draft = (str(weights_path(name)) for name in (TRAINED, DRAFT))
    widths = await world.loops.ask(loop="widths", target=target, draft=draft, threads=1)
    times = widths["target_s"], widths["draft_s"]
    return {
        "speculative_speedup_1": _ratio(rates_of, "with_1_from_first", "without_1_from_first"),
        "speculative_speedup_1_whole_call": _ratio(rates_of, "with_1", "without_1"),
        "speculative_no_repeat_ratio_1": _ratio(rates_of, "with_no_repeat", "without_no_repeat"),
        "speculative_ratio_8": _ratio(rates_of, "with_8", "without_8"),
        "speculative_acceptance": round(acceptance, 3),
        "speculative_bound_1": round(most_speedup(*times, acceptance), 3),
        "speculative_bound_1_if_always_right": round(most_speedup(*times, 1.0), 3),
        "decode_ms_by_tokens": [round(each * 1000, 3) for each in widths["target_s"]],
        "draft_decode_ms": round(widths["draft_s"] * 1000, 3),
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call to make."""

    model: str
    text: str
    tokens: int
    sampling: dict[str, Any] = field(default_factory=dict)


async def _ask(client: InferenceClient, tokens: int, *, stream: Stream | None = None) -> Stream:
    return await ask_node(client, RANDOM, _prompt(), max_tokens=tokens, stream=stream)


async def _greedy(client: InferenceClient, text: str) -> str:
    return (await ask_node(client, TRAINED, text, max_tokens=160)).text


async def _until(streams: Sequence[Stream], tokens: int) -> None:
    while any(stream.count < tokens for stream in streams):  # noqa: ASYNC110 - eight of them
        await asyncio.sleep(0.005)


def _prompt() -> str:
    # The template adds four special tokens.
    return prompt_of(_PROMPT_TOKENS - 4, next(_numbers))


def _ratio(found: dict[str, list[float]], ours: str, theirs: str) -> float:
    return round(statistics.median(found[ours]) / statistics.median(found[theirs]), 3)


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
