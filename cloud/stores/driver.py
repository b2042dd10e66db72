"""What differs between the databases that the gateway can keep its state in.

A driver opens connections and says how a transaction begins and ends on its database; it knows no
table and runs no thread that writes.
"""

from collections.abc import Set as AbstractSet
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

__all__ = ["Driver"]


class Driver(Protocol):
    """One kind of database, at one place. Every method may block."""

    @property
    def lanes(self) -> int:
        """How many threads may write at once."""
        ...

    def start(self) -> None:
        """Open the database and see to it that its tables are those of this release.

        Raises:
            ConfigInvalid: It cannot be used as it is; says what to do.
            DatabaseUnavailable: It does not answer.
        """
        ...

    def migrate(self, version: str) -> str | None:
        """Bring the tables to a version, up or down, and return the one they had.

        Raises:
            ConfigInvalid: A newer release made the tables, or there is no such version.
            DatabaseUnavailable: The database does not answer.
        """
        ...

    def writer(self) -> Connection:
        """Return a connection whose transactions may write."""
        ...

    def reader(self) -> Connection:
        """Return a connection whose transactions only read, each from one moment."""
        ...

    def claim(self, connection: Connection, claims: AbstractSet[str], *, is_durable: bool) -> None:
        """Say, first thing in a transaction, what it will touch and whether it must last.

        Args:
            connection: In the transaction.
            claims: Transactions with a claim in common run one after the other.
            is_durable: Whether the transaction must outlive a power failure once it is committed.
        """
        ...

    def committed(self, *, is_durable: bool) -> None:
        """Finish what a commit alone does not do."""
        ...

    def is_conflict(self, error: DBAPIError) -> bool:
        """Whether the database gave up a transaction that would succeed if it ran again."""
        ...

    def close(self) -> None:
        """Close what this driver itself opened."""
        ...
