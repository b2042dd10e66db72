"""Runs on an edge as work for an engine: what a worker needs, and the door to the workers.

A worker is told the edge's address, the documents that give prices and places, and the graphs and
questions that it runs; it keeps nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from optimizer.engines.model import Do
from optimizer.evaluation.edge_runs import EdgeRun, EdgeRuns
from optimizer.evaluation.live import check_models
from optimizer.evaluation.rules import GraphRules
from optimizer.evaluation.tasks import Task
from optimizer.scoring.model import Scorer
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import BackendUnavailable
from runtime.labels import PUBLIC
from runtime.planner.model import Plan
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = ["EdgeRequest", "EdgeWork", "WorkerRuns"]

_EXAMPLE: Final = Task("example", "How much is 1 and 1?", "2", Scorer.NUMERIC, PUBLIC)
"""What an edge is asked about its models with; opening needs no text of the study."""


@dataclass(frozen=True, slots=True)
class EdgeRequest:
    """A graph to plan or to run."""

    call: CollaborationCall
    is_dry: bool
    """Plan it only, for nothing."""


@dataclass(frozen=True, slots=True)
class EdgeWork:
    """Planning and running graphs on one edge."""

    address: str
    """``host:port`` or ``unix:/path``. A worker dials it from where *it* runs: a loopback address
    is the edge of the worker's own machine."""
    rules: GraphRules
    timeout_s: float
    """Deadline of each request, seconds."""
    models: tuple[str, ...]
    """The edge must know them."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Do[EdgeRequest, EdgeRun | Plan]]:
        """Connect, and check that the edge knows the study's models.

        Raises:
            StudyInvalid: It does not.
            LeewardError: It cannot be reached.
        """
        async with open_channel(ChannelSettings(target=self.address, tls=None)) as channel:
            client = CollaborationClient(channel)
            runs = EdgeRuns(client, rules=self.rules, timeout_s=self.timeout_s)
            try:
                await check_models(runs, self.models, _EXAMPLE)
            except BackendUnavailable:
                reason = f"the edge at {self.address} does not answer; is it running?"
                raise BackendUnavailable(reason) from None

            async def do(request: EdgeRequest) -> EdgeRun | Plan:
                return await (runs.plan if request.is_dry else runs.run)(request.call)

            yield do


class WorkerRuns:
    """Plans and runs graphs through whichever worker is free.

    Args:
        do: An engine's door to its workers.
    """

    def __init__(self, do: Do[EdgeRequest, EdgeRun | Plan]) -> None:
        self._do = do

    async def plan(self, call: CollaborationCall) -> Plan:
        """Return what the edge would do; free.

        Raises:
            LeewardError: Whatever the edge reported, or the worker was lost.
        """
        plan = await self._do(EdgeRequest(call, is_dry=True))
        assert isinstance(plan, Plan)  # noqa: S101 - what was asked for
        return plan

    async def run(self, call: CollaborationCall) -> EdgeRun:
        """Run a graph to its receipt.

        Raises:
            LeewardError: Whatever the edge reported, or the worker was lost.
        """
        run = await self._do(EdgeRequest(call, is_dry=False))
        assert isinstance(run, EdgeRun)  # noqa: S101 - what was asked for
        return run
