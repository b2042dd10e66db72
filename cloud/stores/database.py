"""The gateway's store: transactions on SQLite or PostgreSQL, off the event loop.

Knows how works are grouped, read and ended; knows no table, and of the kinds of database only what
``cloud.stores.driver`` says.
"""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cloud.stores.driver import Driver
from cloud.stores.failures import closed, named
from cloud.stores.grouping import GroupCommit, Work

__all__ = ["Database", "Work"]

_Result = TypeVar("_Result")
_READERS: Final = 2


class Database:
    """An open store."""

    def __init__(self, driver: Driver, readers: ThreadPoolExecutor) -> None:
        self._driver = driver
        self._readers = readers
        self._writers = GroupCommit(driver)
        self._is_closed = False

    @classmethod
    async def open(cls, driver: Driver) -> Self:
        """Open the store behind ``driver``; its tables are then those of this release.

        Raises:
            ConfigInvalid: It cannot be used as it is; says what to do.
            DatabaseUnavailable: It does not answer.
        """
        readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="leeward-store-read")
        try:
            await asyncio.get_running_loop().run_in_executor(readers, driver.start)
        except BaseException:
            readers.shutdown(wait=False)
            raise
        return cls(driver, readers)

    async def run(
        self, work: Work[_Result], *, claims: Collection[str] = (), is_durable: bool = False
    ) -> _Result:
        """Run ``work`` as one transaction, or in one with others that came at the same time.

        A work that raises leaves no trace and fails nobody else's. A caller that is cancelled does
        not know whether its work happened; shield the wait where that matters.

        Args:
            work: Changes the database and nothing else: it may run more than once before it takes
                effect.
            claims: Names of what the work reads to decide what it writes, say ``tenant:acme``.
                Works with a claim in common run one after the other, on every replica.
            is_durable: Return only once the work would outlive a power failure. Otherwise it
                outlives the death of this process at once, and that of the machine a second later.

        Raises:
            DatabaseUnavailable: The database failed. If it fell silent in the middle of the commit,
                the work may have happened.
        """
        return await self._writers.submit(work, claims=claims, is_durable=is_durable)

    def begin(self, work: Work[_Result]) -> asyncio.Future[_Result]:
        """Queue ``work`` at once, to be awaited later; otherwise as :meth:`run`."""
        return self._writers.submit(work, claims=(), is_durable=False)

    async def read(self, work: Work[_Result]) -> _Result:
        """Run ``work``, which only reads and sees the store as it is at one moment.

        Raises:
            DatabaseUnavailable: The database failed.
        """
        if self._is_closed:
            raise closed()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        """Close the store after what is queued."""
        self._is_closed = True
        await asyncio.to_thread(self._close)

    def _read(self, work: Work[_Result]) -> _Result:
        try:
            return self._read_once(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise named(error) from None
        except SQLAlchemyError as error:
            raise named(error) from None
        try:  # the server ended a connection that lay idle; a fresh one may do
            return self._read_once(work)
        except SQLAlchemyError as error:
            raise named(error) from None

    def _read_once(self, work: Work[_Result]) -> _Result:
        with self._driver.reader() as connection, connection.begin():
            return work(connection)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writers.close()
        self._driver.close()
