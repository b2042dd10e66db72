"""The timed part of ``bench.gateway``: every way to the upstream in turns, round after round.

Three loads, each taken by all kinds in every round so that the machine's drift hits all alike:
calls one after the other; 64 paced streams side by side; 64 callers that never pause.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from bench.gateway_call import Load, Numbers, in_turn, opened, report, together
from bench.gateway_kinds import GRPC, LITELLM, Kinds
from bench.gateway_upstream import model_name, pieces_of
from bench.gateway_world import cpu_s

__all__ = ["CALLERS", "MODELS", "Flood", "Rounds", "Size", "check_answers", "measure_rounds"]

CALLERS: Final = 64
_PIECES: Final = 8
_PACED_PIECES: Final = 16
_PACE_MS: Final = 20
_INSTANT: Final = model_name(_PIECES, 0)
_PACED: Final = model_name(_PACED_PIECES, _PACE_MS)
MODELS: Final = (_INSTANT, _PACED)
_SETTLE_S: Final = 0.15
"""After LiteLLM's turn: it goes on working once it has answered."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    calls: int
    """One after the other, of each kind per round."""
    load_rounds: int
    streams_s: float
    """How long 64 streams are renewed, per kind and round."""
    flood_s: float
    """How long 64 callers do not pause, per kind and round."""
    with_whole: bool
    """Whether answers that do not stream are timed too."""


@dataclass(frozen=True, slots=True)
class Flood:
    """What 64 callers that never pause got out of one kind in one round."""

    per_s: float
    cpu_ms: float
    """Processor time of what was called, per call; of the SDK's own process for the floor."""
    generator_share: float
    """How much of one core the load generator took; near 1 it would be the limit itself."""


@dataclass(slots=True)
class Rounds:
    """Everything timed, by kind; one entry per round."""

    sequential_ms: dict[str, list[list[float]]] = field(default_factory=dict)
    whole_ms: dict[str, list[list[float]]] = field(default_factory=dict)
    streams: dict[str, list[Load]] = field(default_factory=dict)
    floods: dict[str, list[Flood]] = field(default_factory=dict)
    failed: int = 0
    """Calls that had no whole answer, of any kind: to be 0."""


async def check_answers(kinds: Kinds, numbers: Numbers) -> None:
    """Make calls of every kind until each is warm; read the last answer of each in full.

    Raises:
        RuntimeError: An answer is not what the upstream said.
    """
    for name in kinds.names():
        report(f"warm up: {name}")
        async with opened(kinds.opener(name, _INSTANT), 1) as (caller,):
            await in_turn(caller, 20, numbers)
            if caller.text() != "".join(pieces_of(_PIECES)):
                raise RuntimeError(f"{name} did not say what the upstream said")


async def measure_rounds(kinds: Kinds, size: Size, numbers: Numbers) -> Rounds:
    """Time all kinds under all loads."""
    rounds = Rounds()
    for index in range(size.rounds):
        report(f"sequential: round {index + 1} of {size.rounds}, {size.calls} calls each")
        await _sequential(kinds, index, size, numbers, rounds)
    for index in range(size.load_rounds):
        report(f"{CALLERS} streams: round {index + 1} of {size.load_rounds}")
        for name in _turned(kinds.names(), index):
            load = await _streams(kinds, name, size.streams_s, numbers)
            rounds.streams.setdefault(name, []).append(load)
            rounds.failed += len(load.failed)
    for index in range(size.load_rounds):
        report(f"{CALLERS} callers without a pause: round {index + 1} of {size.load_rounds}")
        for name in _turned(kinds.names(), index):
            flood, failed = await _flood(kinds, name, size.flood_s, numbers)
            rounds.floods.setdefault(name, []).append(flood)
            rounds.failed += failed
    return rounds


async def _sequential(
    kinds: Kinds, index: int, size: Size, numbers: Numbers, rounds: Rounds
) -> None:
    for name in _turned(kinds.names(), index):
        async with opened(kinds.opener(name, _INSTANT), 1) as (caller,):
            await in_turn(caller, 3, numbers)  # the connection's first calls are dearer
            taken_ms = await in_turn(caller, size.calls, numbers)
        rounds.sequential_ms.setdefault(name, []).append(taken_ms)
        if size.with_whole and name != GRPC:
            async with opened(kinds.opener(name, _INSTANT, streams=False), 1) as (caller,):
                await in_turn(caller, 3, numbers)
                taken_ms = await in_turn(caller, size.calls, numbers)
            rounds.whole_ms.setdefault(name, []).append(taken_ms)
        await _settle(name)


async def _streams(kinds: Kinds, name: str, duration_s: float, numbers: Numbers) -> Load:
    async with opened(kinds.opener(name, _PACED), CALLERS) as callers:
        load = await together(callers, duration_s, numbers)
    await _settle(name)
    return load


async def _flood(kinds: Kinds, name: str, duration_s: float, numbers: Numbers) -> tuple[Flood, int]:
    pid = kinds.pid(name)
    async with opened(kinds.opener(name, _INSTANT), CALLERS) as callers:
        own_s, theirs_s = time.process_time(), cpu_s(pid) if pid else 0.0
        load = await together(callers, duration_s, numbers)
        own_s = time.process_time() - own_s
        theirs_s = cpu_s(pid) - theirs_s if pid else own_s
    await _settle(name)
    cpu_ms = theirs_s * 1000 / max(1, len(load.answered))
    return Flood(load.per_s, cpu_ms, own_s / load.wall_s), len(load.failed)


async def _settle(name: str) -> None:
    if name == LITELLM:
        await asyncio.sleep(_SETTLE_S)


def _turned(names: tuple[str, ...], index: int) -> tuple[str, ...]:
    first = index % len(names)
    return names[first:] + names[:first]
