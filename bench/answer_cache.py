"""Which questions the gateway's cache takes for the same; what second line and cache cost.

``python -m bench.answer_cache --json [--quick]``. The encoder says that any two texts are alike,
which is worse than any real one: false hits are an upper bound. ``bench/README.md`` explains the
keys.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.answer_cache_pairs import CLOSE, NATURAL, SAME, Pair, pairs
from bench.machine import describe_machine
from cloud.cache.cache import MemoryCache
from cloud.cache.digest import Digester
from cloud.cache.memory import AnswerMemory
from cloud.cache.rules import CacheRules, ModelRule, SameQuestion
from cloud.cache.similarity import Similarity
from cloud.calls import Caller, EmbedCall, GenerateCall
from cloud.config_inspection import InspectionShape, inspection_config
from cloud.inspection.alarm import LoggedAlarms
from cloud.inspection.build import gateway_policy, opened_inspector
from cloud.metrics import gateway_metrics
from cloud.stages import Embedded
from runtime.clock import SystemClock
from runtime.ids import ModelName, NodeName
from runtime.labels import Level
from runtime.ports import ChatMessage, Completion, FinishReason, GenerateRequest, TextDelta, Usage

__all__ = ["hits_by_kind", "main"]

_SEED: Final = 7
_DISTRIBUTIONS: Final = ("leeward", "phonenumbers", "python-stdnum")
_PAIRS: Final = 1_000
_QUICK_PAIRS: Final = 100
_CALLS: Final = 2_000
_QUICK_CALLS: Final = 400
_ROUNDS: Final = 5
_MODEL: Final = ModelName("big")
_CALLER: Final = Caller("clinic", "device", "edge-1")
_CONFIG: Final = inspection_config(InspectionShape(), Path())
_END: Final = Completion(FinishReason.STOP, usage=Usage(10, 5))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.answer_cache", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="fewer pairs and calls")
    options = parser.parse_args(arguments)
    figures = asyncio.run(_measured(is_quick=options.quick))
    sys.stdout.write(json.dumps(figures, indent=None if options.json else 2) + "\n")
    return 0


async def _measured(*, is_quick: bool) -> dict[str, Any]:
    count = _QUICK_PAIRS if is_quick else _PAIRS
    rng = random.Random(_SEED)  # noqa: S311 - draws questions
    sys.stderr.write("pairs of questions\n")
    close = await hits_by_kind(pairs(CLOSE, count, rng))
    same = await hits_by_kind(pairs(SAME, count, rng))
    natural = await hits_by_kind(("natural", pair) for pair in NATURAL)
    sys.stderr.write("cost of a call\n")
    return {
        "false_hits": sum(hits for hits, _ in close.values()),
        "close_pairs": sum(asked for _, asked in close.values()),
        "false_hit_rate": {kind: hits / asked for kind, (hits, asked) in close.items()},
        "hit_rate_reworded": {kind: hits / asked for kind, (hits, asked) in same.items()},
        "hit_rate_natural": natural["natural"][0] / natural["natural"][1],
        **await _costs(_QUICK_CALLS if is_quick else _CALLS),
        "machine": describe_machine(_DISTRIBUTIONS),
    }


async def hits_by_kind(drawn: Iterable[tuple[str, Pair]]) -> dict[str, tuple[int, int]]:
    """Return by kind how many second questions got the first one's answer, of how many."""
    counted: dict[str, tuple[int, int]] = {}
    for kind, (kept, asked) in drawn:
        cache = _cache()
        await _answered(cache, _call(kept))
        async with cache.opened(_call(asked)) as lookup:
            is_hit = lookup.found is not None
        hits, total = counted.get(kind, (0, 0))
        counted[kind] = (hits + is_hit, total + 1)
    return counted


async def _costs(calls: int) -> dict[str, Any]:
    cache = _cache()
    await _answered(cache, _call("What is kept?"))

    async def look_up(call: GenerateCall) -> None:
        async with cache.opened(call):
            pass

    with opened_inspector(
        _CONFIG,
        NodeName("cloud"),
        alarms=LoggedAlarms(),
        metrics=gateway_metrics(),
        clock=SystemClock(),
    ) as inspector:

        async def inspect(call: GenerateCall) -> None:
            await inspector.inspect(call)

        long = "Tell a story about a dragon and the sea. " * 25
        return {
            "scan_short_us": await _cost(inspect, lambda n: f"What is item {n} good for?", calls),
            "scan_known_us": await _cost(inspect, lambda _: "What is it good for?", calls),
            "scan_1000_characters_us": await _cost(inspect, lambda n: f"{n} {long}", calls // 10),
            "lookup_hit_us": await _cost(look_up, lambda _: "What is kept?", calls),
            "lookup_miss_us": await _cost(look_up, lambda n: f"What is item {n}?", calls),
        }


async def _cost(
    work: Callable[[GenerateCall], Awaitable[None]], text: Callable[[int], str], calls: int
) -> dict[str, float]:
    """Return microseconds of processor time per call: median, least and most of the rounds."""
    rounds = []
    for number in range(_ROUNDS):
        asked = [_call(text(number * calls + index)) for index in range(calls)]
        started_s = time.process_time()
        for call in asked:
            await work(call)
        rounds.append((time.process_time() - started_s) / calls * 1e6)
    return {
        "p50": round(statistics.median(rounds), 1),
        "least": round(min(rounds), 1),
        "most": round(max(rounds), 1),
    }


def _cache() -> MemoryCache:
    async def alike(call: EmbedCall) -> Embedded:
        return Embedded(((1.0, 0.0), (1.0, 0.0)), call.request.model, Usage())

    rule = ModelRule(same_question=SameQuestion(ModelName("encoder"), 0.9))
    return MemoryCache(
        CacheRules(gateway_policy(_CONFIG), Level.PUBLIC, {_MODEL: rule}),
        Digester(bytes(32), sharing="tenant"),
        AnswerMemory(max_bytes=2**24, ttl_s=3600.0),
        similarity=Similarity(alike),
        metrics=gateway_metrics(),
        clock=SystemClock(),
        max_answer_bytes=2**18,
        wait_s=0.0,
    )


def _call(text: str) -> GenerateCall:
    return GenerateCall(_CALLER, GenerateRequest(_MODEL, (ChatMessage("user", text),)))


async def _answered(cache: MemoryCache, call: GenerateCall) -> None:
    async def answer() -> Any:
        yield TextDelta("an answer")
        yield _END

    async with cache.opened(call) as lookup:
        async for _ in lookup.recording(answer()):
            pass


if __name__ == "__main__":
    sys.exit(main())
