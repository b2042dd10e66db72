"""What a dying child says on stderr, reduced to what may be logged.

libllama and the C++ runtime quote grammars and generated text in their last words, so only
the few phrases matched here are kept; everything else is counted and dropped.
"""

import re
from typing import Final

__all__ = ["CrashNotes"]

_MAX_NOTES: Final = 8
_MAX_LINE_BYTES: Final = 4096
_SAFE: Final = (
    re.compile(rb"Fatal Python error: (Aborted|Bus error|Floating-point exception|"
               rb"Illegal instruction|Segmentation fault)"),
    re.compile(rb"(?<![\w/.-])[\w/.-]{1,120}\.(?:c|cc|cpp|h):\d{1,6}: GGML_ASSERT"),
    re.compile(rb"terminate called after throwing an instance of 'std::\w{1,40}'"),
    re.compile(rb"what\(\):  std::bad_alloc"),
    re.compile(rb"MemoryError|ModuleNotFoundError: No module named '[\w.]{1,60}'"),
    re.compile(rb"lib[\w.+-]{1,60}: cannot open shared object file"),
)  # fmt: skip


class CrashNotes:
    """Collects the safe phrases of a stderr stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._notes: list[str] = []
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_MAX_LINE_BYTES:]
        self.dropped_bytes += len(rest) - len(self._rest)
        for line in lines:
            self._take(line)

    def summary(self) -> str:
        """Return what is known about the death, in one line; empty if nothing is."""
        self._take(self._rest)
        self._rest = b""
        return "; ".join(self._notes)

    def _take(self, line: bytes) -> None:
        match = next((found for safe in _SAFE if (found := safe.search(line))), None)
        if match is None:
            self.dropped_bytes += len(line)
        elif len(self._notes) < _MAX_NOTES:
            self._notes.append(match.group().decode("ascii"))
