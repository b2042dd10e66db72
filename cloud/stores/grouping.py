"""Group commit: works that wait at the same time share one transaction, each under a savepoint.

A commit costs more than a work, so works that arrive while one transaction runs go together into
the next. A work that fails undoes itself alone. Knows no table and no kind of database.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cloud.stores.driver import Driver
from cloud.stores.failures import closed, named
from runtime.errors import DatabaseUnavailable

__all__ = ["GroupCommit", "Work"]

_Result = TypeVar("_Result")
Work: TypeAlias = Callable[[Connection], _Result]
"""Reads and writes in a transaction that it neither begins nor ends.

It may run more than once before it takes effect, so it changes nothing but the database.
"""

_MAX_GROUP: Final = 64
_MAX_TRIES: Final = 4
_logger: Final = logging.getLogger("leeward.cloud.stores")


@dataclass(slots=True)
class _Job:
    """A work that somebody waits for."""

    work: Work[Any]
    claims: Collection[str]
    is_durable: bool
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def end(self, *, result: Any = None, error: Exception | None = None) -> None:
        self.result, self.error = result, error


class GroupCommit:
    """Threads that write, each with a connection of its own.

    Args:
        driver: The database.
        max_group: How many works go into one transaction at most.
    """

    def __init__(self, driver: Driver, *, max_group: int = _MAX_GROUP) -> None:
        self._driver = driver
        self._max_group = max_group
        self._is_closed = False
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lanes = [
            threading.Thread(target=self._serve, name=f"leeward-store-{lane}", daemon=True)
            for lane in range(driver.lanes)
        ]
        for lane in self._lanes:
            lane.start()

    def submit(
        self, work: Work[_Result], *, claims: Collection[str], is_durable: bool
    ) -> asyncio.Future[_Result]:
        """Queue a work and return what will hold its result; called in an event loop.

        Raises:
            DatabaseUnavailable: The store is closed.
        """
        if self._is_closed:
            raise closed()
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, claims, is_durable, future))
        return future

    def close(self) -> None:
        """End after what is queued; blocks until then."""
        self._is_closed = True
        for _ in self._lanes:
            self._jobs.put(None)
        for lane in self._lanes:
            lane.join()

    def _serve(self) -> None:
        connection: Connection | None = None
        while (first := self._jobs.get()) is not None:
            # Whoever gave up before its work began is not waited for.
            jobs = [job for job in self._with_others(first) if not job.future.cancelled()]
            try:
                connection = connection or self._driver.writer()
                self._run(connection, jobs)
            except Exception as error:  # noqa: BLE001 - a lane must outlive whatever happens in it
                _fail(jobs, error)
                _drop(connection)
                connection = None
            _deliver(jobs)
        if connection is not None:
            connection.close()

    def _with_others(self, first: _Job) -> list[_Job]:
        jobs = [first]
        with suppress(queue.Empty):
            while len(jobs) < self._max_group:
                job = self._jobs.get_nowait()
                if job is None:
                    self._jobs.put(None)
                    break
                jobs.append(job)
        return jobs

    def _run(self, connection: Connection, jobs: Sequence[_Job]) -> None:
        """Run a group; if the database gives the whole of it up, run its works one by one."""
        if not jobs or self._try(connection, jobs):
            return
        for job in jobs:
            if not any(self._try(connection, [job]) for _ in range(_MAX_TRIES - 1)):
                job.end(
                    error=DatabaseUnavailable("the gateway's database gave up every try of a work")
                )

    def _try(self, connection: Connection, jobs: Sequence[_Job]) -> bool:
        """Run works as one transaction; False if nothing of it happened and it may run again."""
        is_committing = False
        try:
            transaction = connection.begin()
            is_durable = any(job.is_durable for job in jobs)
            claims = {claim for job in jobs for claim in job.claims}
            self._driver.claim(connection, claims, is_durable=is_durable)
            for job in jobs:
                self._run_one(connection, job, is_alone=len(jobs) == 1)
            if len(jobs) == 1 and jobs[0].error is not None:
                transaction.rollback()
                return True
            is_committing = True
            transaction.commit()
            self._driver.committed(is_durable=is_durable)
        except Exception as error:  # noqa: BLE001 - it belongs to the works, and a lane must go on
            _roll_back(connection)
            # A commit whose answer was lost may have happened: it must not happen twice.
            if not is_committing and self._is_of_group(error):
                _logger.warning("store_retries", extra={"error": type(error).__name__})
                return False
            _fail(jobs, error)
        return True

    def _run_one(self, connection: Connection, job: _Job, *, is_alone: bool) -> None:
        if not is_alone:
            connection.exec_driver_sql("SAVEPOINT work")
        try:
            job.end(result=job.work(connection))
        except Exception as error:
            if self._is_of_group(error):
                raise
            job.end(error=named(error))
            if not is_alone:
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT work")
        if not is_alone:
            connection.exec_driver_sql("RELEASE SAVEPOINT work")

    def _is_of_group(self, error: Exception) -> bool:
        """Whether a statement's failure took the whole transaction with it, and left no trace."""
        return isinstance(error, DBAPIError) and (
            error.connection_invalidated or self._driver.is_conflict(error)
        )


def _drop(connection: Connection | None) -> None:
    """Give up a connection in whatever state it is; the next group opens another."""
    if connection is not None:
        with suppress(Exception):
            connection.invalidate()
            connection.close()


def _roll_back(connection: Connection) -> None:
    """End the transaction, if there still is one: a commit that failed leaves it."""
    transaction = connection.get_transaction()
    if transaction is not None:
        with suppress(SQLAlchemyError):  # the connection is gone, and the transaction with it
            transaction.rollback()


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    _logger.error("store_failed", extra={"error": type(error).__name__, "count": len(jobs)})
    for job in jobs:
        job.end(error=named(error))


def _deliver(jobs: Sequence[_Job]) -> None:
    """Hand the outcomes to the event loop, all at once."""
    if not jobs:
        return
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        jobs[0].future.get_loop().call_soon_threadsafe(_settle, jobs)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
