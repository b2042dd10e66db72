"""What must hold of money in ``bench.gateway``, counted by the upstream and not by the gateway.

200 callers run into one cap; and a gateway is killed with calls in flight, started again, and what
it had reserved is looked for. The gateway's own books are compared with what the instrumented
upstream says that it was asked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from bench.gateway_books import read_books
from bench.gateway_call import Load, Numbers, opened, together
from bench.gateway_kinds import openers_of
from bench.gateway_upstream import PROMPT_TOKENS, Counts, model_name
from bench.gateway_world import (
    COMPLETION_USD_PER_MTOK,
    PROMPT_USD_PER_MTOK,
    Gateway,
    Upstream,
    World,
)

__all__ = ["Killed", "callers_meet_a_cap", "kill_in_the_middle"]

_CALLERS: Final = 200
_CAP_USD: Final = "0.1"
_SHORT: Final = model_name(8, 5)
_LONG: Final = model_name(16, 20)
_KILLED_CALLERS: Final = 64
"""The gateway is killed once so many calls have ended, with as many in flight."""
_PATIENCE_S: Final = 30.0
_MICROS_PER_USD: Final = 1_000_000


async def callers_meet_a_cap(world: World, numbers: Numbers) -> dict[str, object]:
    """Let 200 callers, shared among the fronts, call until each is refused."""
    upstream = await world.upstream()
    gateway = await world.gateway("capped", [upstream], [_SHORT], cap_usd=_CAP_USD)
    loads = await _load(gateway, _SHORT, _CALLERS, 30.0, numbers)
    charged_micros = _charged_micros(upstream.counts())
    cap_micros = round(float(_CAP_USD) * _MICROS_PER_USD)
    books = await read_books(gateway.config)
    refused = [failure for load in loads for failure in load.failed]
    return {
        "overspend_usd": max(0, charged_micros - cap_micros) / _MICROS_PER_USD,
        "cap_usd": cap_micros / _MICROS_PER_USD,
        "cap_charged_usd": charged_micros / _MICROS_PER_USD,
        "cap_counted_usd": books.spent_micros / _MICROS_PER_USD,
        "cap_left_reserved_usd": books.reserved_micros / _MICROS_PER_USD,
        "cap_answered": sum(len(load.answered) for load in loads),
        "cap_refused": sum(1 for failure in refused if not failure.seen),
        "cap_callers": _CALLERS,
    }


@dataclass(frozen=True, slots=True)
class Killed:
    """A gateway that was killed with calls in flight and runs again."""

    gateway: Gateway
    upstream: Upstream
    in_flight: int
    """Callers that were cut off."""

    async def found(self) -> dict[str, object]:
        """Return what the books say; a dead gateway's reservations are theirs 20 s after it."""
        counts = self.upstream.counts()
        books = await read_books(self.gateway.config)
        uncounted = max(0, counts.calls - books.settled_calls - books.presumed)
        charged_micros = _charged_micros(counts)
        return {
            "lost_reservations": uncounted + books.unsettled,
            "killed_in_flight": self.in_flight,
            "killed_upstream_calls": counts.calls,
            "killed_settled": books.settled_calls,
            "killed_recovered": books.presumed,
            "killed_charged_usd": charged_micros / _MICROS_PER_USD,
            "killed_counted_usd": books.spent_micros / _MICROS_PER_USD,
            "killed_uncounted_usd": (max(0, charged_micros - books.spent_micros) / _MICROS_PER_USD),
            "killed_left_reserved_usd": books.reserved_micros / _MICROS_PER_USD,
        }


async def kill_in_the_middle(world: World, numbers: Numbers) -> Killed:
    """``kill -9`` a gateway under 64 callers, then start it again on the same state."""
    upstream = await world.upstream()
    gateway = await world.gateway("killed", [upstream], [_LONG])
    async with asyncio.TaskGroup() as group:
        load = group.create_task(_load(gateway, _LONG, _KILLED_CALLERS, 30.0, numbers))
        async with asyncio.timeout(_PATIENCE_S):
            await _until_finished(upstream, _KILLED_CALLERS)
        await world.kill(gateway)
    await world.restart(gateway)
    cut = [failure for each in load.result() for failure in each.failed]
    return Killed(gateway, upstream, len(cut))


async def _load(
    gateway: Gateway, model: str, callers: int, duration_s: float, numbers: Numbers
) -> list[Load]:
    openers = openers_of(gateway, model)

    async def one(opener: Any) -> Load:
        async with opened(opener, callers // len(openers)) as made:
            return await together(made, duration_s, numbers)

    return await asyncio.gather(*(one(opener) for opener in openers))


async def _until_finished(upstream: Upstream, calls: int) -> None:
    while True:
        if (await asyncio.to_thread(upstream.counts)).finished >= calls:
            return
        await asyncio.sleep(0.05)


def _charged_micros(counts: Counts) -> int:
    """Return what a provider would charge for what it was asked and really sent."""
    prompt_micros = counts.calls * PROMPT_TOKENS * PROMPT_USD_PER_MTOK
    return round(prompt_micros + counts.completion_tokens * COMPLETION_USD_PER_MTOK)
