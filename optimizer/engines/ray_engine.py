"""The engine on Ray: a cluster, the study's workers on it, and requests to them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from optimizer.engines.model import A, Do, Q, Work
from optimizer.engines.ray_cluster import RAY_PACKAGE, own_cluster, running_cluster
from optimizer.engines.ray_pool import PoolSettings, RayPool

__all__ = ["RayEngine", "has_ray"]


def has_ray() -> bool:
    """Whether the package is installed here."""
    return importlib.util.find_spec(RAY_PACKAGE) is not None


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Does the work in worker processes of a Ray cluster."""

    environment: MutableMapping[str, str]
    """This process's own: Ray takes settings from nowhere else."""
    address: str = ""
    """Of a cluster that runs; without one, a local Ray is started and ended with the work."""

    @asynccontextmanager
    async def opened(
        self,
        work: Work[Q, A],
        *,
        workers: int,
        progress: Callable[[str], None] = lambda _: None,
    ) -> AsyncIterator[Do[Q, A]]:
        """Start one worker per CPU, and no more than there are executions at once.

        Raises:
            BackendUnavailable: Ray does not come up, cannot be joined, or starts no worker.
            LeewardError: A worker cannot do the work.
        """
        progress("Ray")
        cluster_block = (
            running_cluster(self.address, environment=self.environment)
            if self.address
            else own_cluster(cpus=min(workers, os.cpu_count() or 1), environment=self.environment)
        )
        async with cluster_block as cluster:
            size = max(1, min(workers, cluster.cpus))
            progress(f"{size} Ray worker{'s' if size > 1 else ''}")
            async with RayPool.opened(cluster.ray, work, PoolSettings(size)) as pool:
                yield pool.do
