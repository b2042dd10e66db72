"""The append-only record of a study: one JSON line per event, durable before anything builds on it.

A line that was being written when the machine died is cut off; any other line that cannot be read
is refused with its number. Knows events and the file; not what they mean for a search.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from optimizer.evaluation.model import NotKept
from optimizer.study.events import Event, Header, decode_line, encode_line
from runtime.documents.os_reason import os_reason
from runtime.errors import StudyInvalid
from runtime.private_files import sync_directory

__all__ = ["Journal", "read_journal"]


class Journal:
    """A journal open for writing; one process at a time.

    Events that the file already holds are handed out by :meth:`recorded`; what is appended goes
    after them.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``, make it when it is not there, and cut off a torn last line.

        Raises:
            StudyInvalid: Another process is at work on it, or a line cannot be read.
        """
        self._path = path
        self.is_extended = False
        is_new = not path.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as failure:
            raise StudyInvalid(f"cannot be written: {os_reason(failure)}", file=str(path)) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise StudyInvalid(
                "is in use: another run is at work on this study", file=str(path)
            ) from None
        try:
            data = path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            self._recorded = _events(whole, path)
            if len(whole) < len(data):
                os.ftruncate(self._descriptor, len(whole))
                os.fsync(self._descriptor)
        except BaseException:
            os.close(self._descriptor)
            raise
        if is_new:
            sync_directory(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def recorded(self) -> tuple[Event, ...]:
        """What earlier runs wrote."""
        return self._recorded

    def append(self, events: Iterable[Event]) -> None:
        """Write events and return when they are on the disk.

        Raises:
            NotKept: They are not; the line that was begun is cut off when the file is next opened.
        """
        data = b"".join(encode_line(event) for event in events)
        if not data:
            return
        self.is_extended = True
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except OSError as failure:
            raise NotKept(self._path, os_reason(failure)) from None

    def close(self) -> None:
        """Close the file and let others at it."""
        os.close(self._descriptor)


def read_journal(path: Path) -> tuple[Event, ...]:
    """Return a journal's events without touching the file; a torn last line is left out.

    Raises:
        StudyInvalid: There is no journal, or a line cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        reason = "does not exist; `leeward optimizer run` makes it"
        raise StudyInvalid(reason, file=str(path)) from None
    except OSError as failure:
        raise StudyInvalid(f"cannot be read: {os_reason(failure)}", file=str(path)) from None
    return _events(data[: data.rfind(b"\n") + 1], path)


def _events(data: bytes, path: Path) -> tuple[Event, ...]:
    events: list[Event] = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            event = decode_line(line)
        except ValueError:
            raise StudyInvalid(
                "is not a line of a journal; the file was changed or is damaged",
                file=str(path),
                line=number,
            ) from None
        if isinstance(event, Header) != (number == 1):
            reason = "must begin with the study's line" if number == 1 else "is a second beginning"
            raise StudyInvalid(reason, file=str(path), line=number)
        events.append(event)
    return tuple(events)
