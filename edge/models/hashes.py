"""The SHA-256 of files that are asked for again and again, worked out once for each content.

A file is taken to be the same while its place, size and times are; the time of its last change of
any kind is among them, which no program can set back.
"""

from dataclasses import dataclass, field
from pathlib import Path

from edge.models.gguf_check import sha256_of

__all__ = ["FileHashes"]

_Stamp = tuple[int, int, int, int, int]


@dataclass(slots=True)
class FileHashes:
    """What was worked out in this process; a model of gigabytes takes seconds to read."""

    _known: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """Return the hexadecimal SHA-256 of a file.

        Raises:
            OSError: It cannot be read.
        """
        stamp = _stamp_of(path)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        found = sha256_of(path)
        if _stamp_of(path) == stamp:  # else it changed while it was read
            self._known[path] = (stamp, found)
        return found


def _stamp_of(path: Path) -> _Stamp:
    facts = path.stat()
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
