"""Workers of one study on a Ray cluster: each request to the least busy, the lost ones replaced.

A request is sent once. What became of it on a worker that died is unknown, so it is a failure that
may be tried again under the study's own rules, with a reservation of its own. Knows Ray's actors;
not what requests mean.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, assert_never

from optimizer.engines.ray_worker import Answer, Failure, Fault, Opened, RayWorker, Reply
from runtime.errors import BackendUnavailable, CapacityExhausted
from runtime.executor.step import first_failure
from runtime.version import VERSION

__all__ = ["PoolSettings", "RayPool"]

_AGAIN_S: Final = 5.0
_CLOSE_S: Final = 5.0

logger = logging.getLogger("leeward.optimizer.engines.ray")


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How workers are kept."""

    size: int
    """Worker processes."""
    start_s: float = 180.0
    """How long a worker may take to come up; a busy cluster starts it when there is room."""
    ping_s: float = 30.0
    """A worker that is silent for so long after a request timed out is ended and replaced."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker that is up."""

    actor: Any
    opened: Opened
    busy: int = 0
    is_doubted: bool = False
    """Being asked whether it still lives."""


class RayPool:
    """The workers. Made by :meth:`opened`; used inside its block."""

    def __init__(
        self, ray: Any, work: Any, *, settings: PoolSettings, group: asyncio.TaskGroup
    ) -> None:
        self._ray = ray
        self._settings = settings
        self._group = group
        # Into the object store once, however many workers read it. As bytes: what Ray unpacks by
        # itself is memory that workers share and may not write to.
        self._work = ray.put(ray.cloudpickle.dumps(work))
        self._actor_class = ray.remote(RayWorker)
        self._workers: list[_Worker] = []
        self._starting = 0
        self._beside: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def opened(cls, ray: Any, work: Any, settings: PoolSettings) -> AsyncIterator[RayPool]:
        """Start every worker, and end them with the block.

        Raises:
            LeewardError: One of them cannot do the work.
        """
        try:
            async with asyncio.TaskGroup() as group:
                pool = cls(ray, work, settings=settings, group=group)
                try:
                    await pool._start_all()
                    yield pool
                finally:
                    await pool._close()
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None

    @property
    def workers(self) -> tuple[Opened, ...]:
        """The workers that are up."""
        return tuple(worker.opened for worker in self._workers)

    async def do(self, request: Any) -> Any:
        """Have one request done, at most once.

        Raises:
            CapacityExhausted: No worker is up, and none comes up: nothing was sent.
            BackendUnavailable: Its worker was lost; what became of the request is unknown.
            LeewardError: What the work raised.
        """
        worker = await self._least_busy()
        worker.busy += 1
        try:
            reply: Reply = await self._reply(worker, request)
        finally:
            worker.busy -= 1
        match reply:
            case Answer(value):
                return value
            case Failure(error):
                raise error
            case Fault(kind, place):
                raise RuntimeError(f"{kind} at {place} in a worker")
            case _:
                assert_never(reply)

    async def _reply(self, worker: _Worker, request: Any) -> Reply:
        reference = worker.actor.do.remote(request)
        try:
            reply: Reply = await _wait(reference)
        except asyncio.CancelledError:
            self._ray.cancel(reference)
            self._doubt(worker)
            raise
        except self._ray.exceptions.RayError as error:
            kind = type(error).__name__
            if isinstance(error, self._ray.exceptions.ActorDiedError):
                self._lose(worker, kind)
            else:
                self._doubt(worker)
            raise BackendUnavailable(f"worker on {worker.opened.host} was lost: {kind}") from None
        return reply

    async def _least_busy(self) -> _Worker:
        """Return a worker; wait for one that is coming up or being asked whether it lives.

        Raises:
            CapacityExhausted: None came up.
        """
        if not self._workers and not self._starting:
            self._replace()
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._trusted or not (self._workers or self._starting)
            )
            if not self._trusted:
                raise CapacityExhausted("no Ray worker comes up", retry_after_s=_AGAIN_S)
            return min(self._trusted, key=lambda one: one.busy)

    @property
    def _trusted(self) -> list[_Worker]:
        """Workers that may be sent something: one in doubt may be about to be ended."""
        return [worker for worker in self._workers if not worker.is_doubted]

    def _doubt(self, worker: _Worker) -> None:
        """Ask a worker whether it lives, beside everything else."""
        if not worker.is_doubted and worker in self._workers:
            worker.is_doubted = True
            self._do_beside(self._ask(worker))

    async def _ask(self, worker: _Worker) -> None:
        try:
            async with asyncio.timeout(self._settings.ping_s):
                await _wait(worker.actor.ping.remote())
        except (TimeoutError, self._ray.exceptions.RayError) as error:
            self._ray.kill(worker.actor)
            self._lose(worker, type(error).__name__)
        else:
            async with self._changed:
                worker.is_doubted = False
                self._changed.notify_all()

    def _lose(self, worker: _Worker, kind: str) -> None:
        """Take a worker out and start another, wherever the cluster has room."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        logger.warning("ray_worker_lost", extra={"node": worker.opened.host, "error": kind})
        self._replace()

    def _replace(self) -> None:
        self._starting += 1
        self._do_beside(self._start_another())

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _start_another(self) -> None:
        try:
            found = await self._start()
        except Exception as error:  # noqa: BLE001 - no worker is a state, not a failure of the study
            logger.warning("ray_worker_not_started", extra={"error": type(error).__name__})
            found = None
        async with self._changed:
            self._starting -= 1
            if found is not None:
                self._workers.append(found)
            self._changed.notify_all()

    async def _start_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._start()) for _ in range(self._settings.size)]
        self._workers = [task.result() for task in tasks]

    async def _start(self) -> _Worker:
        # Ray must neither repeat a request nor revive a worker behind our back: both cost money.
        actor = self._actor_class.options(
            num_cpus=1, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        ).remote(self._work)
        try:
            async with asyncio.timeout(self._settings.start_s):
                found: Opened | Failure | Fault = await _wait(actor.open.remote(VERSION))
        except TimeoutError:
            self._ray.kill(actor)
            reason = f"no Ray worker came up in {self._settings.start_s:g} s; is a CPU free?"
            raise BackendUnavailable(reason) from None
        except self._ray.exceptions.RayError as lost:
            kind = type(lost).__name__
            reason = f"a Ray worker died at its start ({kind}); does its node have leeward[ray]?"
            raise BackendUnavailable(reason) from None
        match found:
            case Opened():
                return _Worker(actor, found)
            case Failure(error):
                raise error
            case Fault(kind, place):
                raise RuntimeError(f"{kind} at {place} in a worker")
            case _:
                assert_never(found)

    async def _close(self) -> None:
        """End the workers, politely where they listen, and what is being done beside."""
        for task in self._beside:
            task.cancel()
        closing = [asyncio.ensure_future(_wait(one.actor.close.remote())) for one in self._workers]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_S)
        for waiting in closing:
            waiting.cancel()
        await asyncio.gather(*closing, return_exceptions=True)
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers.clear()


async def _wait(reference: Any) -> Any:
    """Wait for what a reference comes to; giving up leaves Ray's own future as it is."""
    future = asyncio.wrap_future(reference.future())
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_forget)
        raise


def _forget(future: asyncio.Future[Any]) -> None:
    """Take what nobody waits for any more, or asyncio would complain of it."""
    if not future.cancelled():
        future.exception()
