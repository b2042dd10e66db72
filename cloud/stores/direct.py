"""Statements that run on the driver's own cursor: what every call does, a few times over.

SQLAlchemy's execution costs several times what such a statement itself does on SQLite. Here the
statement is text, written once for both databases, and parameters are named: numbers, texts,
``None`` and lists of them (``IN (:names)``). Failures are SQLAlchemy's, so that whoever runs the
transaction knows them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

__all__ = ["Direct", "microseconds"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LIST: Final = re.compile(r"IN \(:(\w+)\)")
_NAME: Final = re.compile(r":(\w+)")
_LOCK: Final = re.compile(r"\s*FOR UPDATE.*")
Parameters = Mapping[str, Any]


def microseconds(moment: datetime) -> int:
    """Return an aware moment as columns of type ``Moment`` hold it."""
    return (moment - _EPOCH) // _MICROSECOND


class Direct:
    """One statement.

    Args:
        text: SQL that both databases read, with parameters such as ``:now`` and lists such as
            ``IN (:ids)``; SQLite, which locks the whole file, is spared ``FOR UPDATE``.
    """

    def __init__(self, text: str) -> None:
        self._lists = tuple(_LIST.findall(text))
        without_lock = _LOCK.sub("", text)
        self._sqlite = _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", without_lock)
        self._postgresql = _NAME.sub(r"%(\1)s", _LIST.sub(r"= ANY(:\1)", text))

    def rows(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Run it, and return what it returns."""
        if self._lists and _is_sqlite(connection):
            lists = {name: json.dumps(parameters[name]) for name in self._lists}
            parameters = {**parameters, **lists}
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text(connection), parameters)
            return list(cursor.fetchall())
        except Exception as error:
            raise _named(connection, cursor, error) from error

    def many(self, connection: Connection, parameters: Sequence[Parameters]) -> None:
        """Run it once for each set of parameters; it takes no lists and returns nothing."""
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._text(connection), parameters)
        except Exception as error:
            raise _named(connection, cursor, error) from error

    def _text(self, connection: Connection) -> str:
        return self._sqlite if _is_sqlite(connection) else self._postgresql


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _named(connection: Connection, cursor: Any, error: Exception) -> BaseException:
    dialect = connection.dialect
    errors = dialect.loaded_dbapi.Error
    if not isinstance(error, errors):
        return error
    is_lost = dialect.is_disconnect(error, connection.connection, cursor)
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        None,
        None,
        error,
        errors,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
