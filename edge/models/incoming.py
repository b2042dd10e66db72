"""A model's file on its way into the store: kept across interruptions, never usable.

Knows the partial file, what it is a part of, and that one process at a time may fill it. Does
not know where the bytes come from.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from runtime.errors import CapacityExhausted
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["Incoming", "Part", "gathered_bytes"]

_MODE: Final = 0o600
_MAX_RECORD_BYTES: Final = 1 << 16
_SUFFIX: Final = ".part"
_OF_PART: Final = "~"
"""Between a model's name and which of its files it is; no model's name holds it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a partial file is a part of."""

    source: str
    validator: str
    """Names the exact content at the source: a digest or a strong ETag. Empty: it cannot be
    told, so a partial file of it is worth nothing later."""
    size_bytes: int
    """Of the whole file; 0 when the source does not say."""


def gathered_bytes(directory: Path, model: str) -> int:
    """Return how much is in ``directory`` of a model's files, all together."""
    parts = directory.glob(f"{model}*{_SUFFIX}")
    named = [part for part in parts if part.name.removesuffix(_SUFFIX).split(_OF_PART)[0] == model]
    return sum(part.stat().st_size for part in named)


class Incoming:
    """The partial file of one name, locked; use it as a context.

    Args:
        directory: Where partial files are kept.
        model: The model's name in the store.
        part: Which of its files, when it has several; empty for the main one.
    """

    def __init__(self, directory: Path, model: str, *, part: str = "") -> None:
        self.model = model
        name = f"{model}{_OF_PART}{part}" if part else model
        self.path = directory / f"{name}{_SUFFIX}"
        self._record = directory / f"{name}{_SUFFIX}.json"
        self._descriptor = -1
        self._is_ours = False

    def __enter__(self) -> Self:
        """Take the file.

        Raises:
            CapacityExhausted: Another process is filling it.
        """
        ensure_private_directory(self.path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, _MODE)
        self._is_ours = self._lock()
        if not self._is_ours:
            os.close(self._descriptor)
            raise CapacityExhausted(f"another pull of {self.model} is running")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        part = self._part()
        if part is None or not part.validator or not self.received_bytes:
            self.discard()
        os.close(self._descriptor)

    @property
    def received_bytes(self) -> int:
        """How much is there."""
        return os.fstat(self._descriptor).st_size

    def resumable(self, source: str) -> Part | None:
        """Return what is here of ``source``, or ``None`` when there is nothing to go on with."""
        part = self._part()
        if part is None or part.source != source or not part.validator or not self.received_bytes:
            return None
        return part

    def begin(self, part: Part) -> int:
        """Say what is coming; return how much of it is here already."""
        if self._part() != part or not part.validator:
            self.restart()
            record = {"source": part.source, "validator": part.validator, "size": part.size_bytes}
            write_private_file(self._record, json.dumps(record).encode())
        return self.received_bytes

    def restart(self) -> None:
        """Drop the bytes that are here."""
        os.ftruncate(self._descriptor, 0)

    def append(self, data: bytes) -> None:
        """Add bytes at the end.

        Raises:
            CapacityExhausted: The disk does not take them.
        """
        os.lseek(self._descriptor, 0, os.SEEK_END)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise CapacityExhausted(f"no room in {self.path.parent}: {error.strerror}") from error

    def move_to(self, path: Path) -> None:
        """Make the file durable and give it its place in one step."""
        os.fsync(self._descriptor)
        self._record.unlink(missing_ok=True)
        self.path.replace(path)
        self._is_ours = False

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._is_ours:
            self._record.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
        self._is_ours = False

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have moved the file away between our opening and our locking.
            return os.fstat(self._descriptor).st_ino == self.path.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            return False

    def _part(self) -> Part | None:
        try:
            with self._record.open("rb") as file:
                fields = json.loads(file.read(_MAX_RECORD_BYTES))
            return Part(str(fields["source"]), str(fields["validator"]), int(fields["size"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
