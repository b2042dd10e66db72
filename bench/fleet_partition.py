"""Is anything lost or answered twice when the link is cut and either side is killed?

Applications ask under idempotency keys while the link between edge and gateway breaks and comes
back, and while edge and gateway are killed and started again, at random moments. They ask again
until they are answered, as applications do. Then every key must have one stored answer at the edge
and one settled charge at the gateway. Repeats of upstream calls are allowed, and must be shown.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from runtime.errors import LeewardError
from runtime.testing.queueing_house import QueueingHouse, running_queueing_house
from runtime.testing.scripted_provider import Script

__all__ = ["measure"]

_EDGE_WEIGHTS: Final = Path(__file__).parents[1] / "reference" / "weights" / "tern-xs.gguf"
_SCRIPT: Final = Script(pieces=tuple(f"word{at} " for at in range(8)), piece_s=0.03)
_APPLICATIONS: Final = 3
_SEED: Final = 20261129
_SETTLE_S: Final = 240.0
_PROGRESS_S: Final = 30.0
_QUICK_HARMS: Final = ("cut",) * 9 + ("kill_edge",)
_HARMS: Final = ("cut",) * 80 + ("kill_edge",) * 10 + ("kill_gateway",) * 10


@dataclass
class _Load:
    """What was asked, and what came of it."""

    house: QueueingHouse
    is_over: bool = False
    keys: list[str] = field(default_factory=list)
    answered: dict[str, str] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask_on(self, application: int) -> None:
        """Ask one thing after the other, each until it is answered."""
        number = 0
        while not self.is_over:
            number += 1
            key = f"application-{application}-{number}"
            self.keys.append(key)
            await self._until_answered(key)

    async def go_on(self) -> None:
        """Wait for an answer since the last time, so that a slow machine is not only harmed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PROGRESS_S):
                await self._news.wait()
        self._news.clear()

    async def _until_answered(self, key: str) -> None:
        gives_up_s = time.monotonic() + _SETTLE_S
        while time.monotonic() < gives_up_s:
            try:
                told = await self.house.ask(f"say something about {key}", key=key, timeout_s=15.0)
            except LeewardError:
                await asyncio.sleep(0.1)
                continue
            self.answered[key] = told.answer
            self._news.set()
            return


async def measure(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """Return ``lost_or_duplicated_after_partition`` and what it is made of.

    Args:
        quick: Ten harms instead of a hundred, and the gateway is not killed: what it was answering
            then is free for another try only after 20 s.
        report: Says how far it is.
    """
    rng = random.Random(_SEED)  # noqa: S311 - the same harms in every run
    harms = list(_QUICK_HARMS if quick else _HARMS)
    rng.shuffle(harms)
    with tempfile.TemporaryDirectory(prefix="leeward-partition-") as folder:
        house_of = running_queueing_house(
            Path(folder),
            _EDGE_WEIGHTS,
            dict(os.environ),  # noqa: TID251 - a program's root
            script=_SCRIPT,
        )
        async with house_of as house:
            load = _Load(house)
            asking = [asyncio.create_task(load.ask_on(at)) for at in range(_APPLICATIONS)]
            for number, harm in enumerate(harms, 1):
                await asyncio.sleep(rng.uniform(0.1, 0.6))
                await load.go_on()
                await _harm(house, harm, rng)
                if number % 10 == 0:
                    report(f"partition: {number} of {len(harms)} harms, {len(load.keys)} keys")
            load.is_over = True
            await asyncio.gather(*asking)
            return await _figures(house, load, harms)


async def _harm(house: QueueingHouse, harm: str, rng: random.Random) -> None:
    if harm == "cut":
        await house.link.cut()
        await asyncio.sleep(rng.uniform(0.0, 0.5))
        house.link.mend()
    elif harm == "kill_edge":
        await house.roles.kill("edge")
        await house.start_edge()
    else:
        await house.roles.kill("cloud")
        await house.start_gateway()


async def _figures(house: QueueingHouse, load: _Load, harms: list[str]) -> dict[str, Any]:
    request_of: dict[str, str] = {}
    shown_repeats = stored = 0
    for key in load.keys:
        found = await house.queued(key)
        if found.answer is not None and found.answer.text == load.answered.get(key):
            stored += 1
        if found.receipt is not None:
            request_of[key] = found.receipt.request_id
        shown_repeats += found.run.upstream_repeats
    charges = await asyncio.to_thread(_charges, house.layout.root)
    lost = len(load.keys) - stored
    wrong = sum(charges[request] != 1 for request in request_of.values())
    asked = Counter(_key_in(call) for call in house.provider.calls)
    return {
        "lost_or_duplicated_after_partition": lost + wrong,
        "partition_lost": lost,
        "partition_charged_other_than_once": wrong,
        "partition_requests": len(load.keys),
        "partition_harms": dict(Counter(harms)),
        "partition_upstream_repeats_shown": shown_repeats,
        "partition_upstream_repeats_real": sum(count - 1 for count in asked.values()),
    }


def _charges(root: Path) -> Counter[str]:
    """Return how often each request was charged in the gateway's books."""
    with sqlite3.connect(root / "gateway-state" / "gateway.sqlite") as books:
        rows = books.execute("SELECT request_id FROM usage_record WHERE cost_micros > 0").fetchall()
    return Counter(request for (request,) in rows)


def _key_in(call: dict[str, Any]) -> str:
    return str(call["messages"][-1]["content"]).rpartition(" ")[2]
