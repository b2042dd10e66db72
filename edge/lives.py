"""Exchanges what a running daemon serves with, for its fleet (``edge.fleet.stage.Stage``)."""

from __future__ import annotations

import asyncio
from typing import Final

from edge.engine.engine import NodeEngine
from edge.fleet.boot import Effective
from edge.fleet.stage import Calls
from edge.fleet.trial import changed_plans, judge, probe
from edge.life import Ground, Life, begin_life
from edge.live import LiveApp, LiveHandlers
from edge.residency.plans import plans_of
from edge.residency.resident import ResidentModels
from runtime.fleet.state import CheckShape
from runtime.ids import ModelName

__all__ = ["Lives"]

_PEOPLE_S: Final = 10.0
"""How long a switch waits for a person who is being asked; later, the answer would find nobody."""
_MOST_RESTARTS: Final = 2
_PURGE_INTERVAL_S: Final = 3600.0


class Lives:
    """The lives of one daemon.

    Args:
        ground: What they stand on.
        first: What the daemon started with.
    """

    def __init__(self, ground: Ground, first: Life) -> None:
        self._ground = ground
        self._current = first
        self._restarts: dict[ModelName, int] = {}
        self.handlers = LiveHandlers()
        self.app = LiveApp(first.app)
        self._lead_to(first)

    async def settle_leftovers(self) -> None:
        """Record as refused what waited for a person when the last daemon stopped.

        Raises:
            LedgerUnavailable: It cannot be recorded.
        """
        await self._current.approvals.settle_leftovers()

    async def end(self) -> None:
        """End the present life, and with it the queue's sender."""
        await self._current.end()

    async def keep_purging(self) -> None:
        """Delete originals whose time is over, now and then, for ever."""
        while True:
            await self._current.releases.purge()
            await asyncio.sleep(_PURGE_INTERVAL_S)

    async def try_out(self, candidate: Effective, checks: tuple[CheckShape, ...]) -> float | None:
        """Load and ask a candidate's new models beside those that serve.

        Raises:
            LeewardError: One cannot be loaded, or does not answer.
        """
        before, after = plans_of(self._current.config), plans_of(candidate.config)
        changed = changed_plans(before, after)
        asked = {ModelName(check.model) for check in checks}
        unchanged = asked - changed.keys()
        here = [check for check in checks if ModelName(check.model) in unchanged]
        beside = [check for check in checks if ModelName(check.model) not in unchanged]
        shares = [(await judge(self._ground.models, here), len(here))]
        if changed:
            clock = self._ground.clock
            async with (
                NodeEngine(node=candidate.config.name, clock=clock) as engine,
                ResidentModels(
                    engine,
                    changed,
                    budget_bytes=candidate.config.memory_budget_bytes,
                    clock=clock,
                    vet=self._ground.vet,
                ) as models,
            ):
                for name in changed:
                    await models.load(name)
                    await probe(models, [name])
                shares.append((await judge(models, beside), len(beside)))
        told = [(share, count) for share, count in shares if share is not None]
        total = sum(count for _, count in told)
        return sum(share * count for share, count in told) / total if total else None

    async def switch(self, candidate: Effective) -> None:
        """Serve new calls with a candidate; calls that run go on as they began.

        Raises:
            LeewardError: It cannot be served; the caller switches back.
        """
        await self._wait_for_people()
        life = await begin_life(
            self._ground, candidate.config, candidate.documents, last=self._current
        )
        self._current = life
        self._lead_to(life)
        try:
            await self._ground.models.replan(plans_of(candidate.config))
        finally:
            self._restarts = {
                status.name: status.restarts for status in self._ground.models.models()
            }

    def calls(self) -> Calls:
        """How many runs have ended so far."""
        return self._ground.tally.calls

    def lost_models(self) -> tuple[str, ...]:
        """Which models were to answer and cannot."""
        return tuple(
            status.name
            for status in self._ground.models.models()
            if status.state == "failed"
            or status.restarts - self._restarts.get(status.name, 0) >= _MOST_RESTARTS
        )

    def _lead_to(self, life: Life) -> None:
        self.handlers.handlers = life.handlers
        self.app.app = life.app
        self._ground.board.follow(life.documents.catalog, life.no_edge_plans)

    async def _wait_for_people(self) -> None:
        waited_s = 0.0
        while self._current.approvals.pending() and waited_s < _PEOPLE_S:
            await asyncio.sleep(0.1)
            waited_s += 0.1
