"""Find a model's weights and verify them against ``SHA256SUMS``.

WeightsUnusable
├── WeightsMissing    no such file, or no checksum for it
└── WeightsAltered    the content is not what was published (also when truncated)
"""

import hashlib
from pathlib import Path
from typing import Final

__all__ = [
    "FOLDER",
    "WeightsAltered",
    "WeightsMissing",
    "WeightsUnusable",
    "weights_path",
    "write_checksums",
]

FOLDER: Final = Path(__file__).parent
_SUMS: Final = "SHA256SUMS"
_REMEDY: Final = "restore it from version control or train it again (reference/README.md)"


class WeightsUnusable(Exception):
    """A model's weights cannot be used."""


class WeightsMissing(WeightsUnusable):
    """There is no file, or no checksum, of this name."""


class WeightsAltered(WeightsUnusable):
    """The file's checksum is not the published one."""


def weights_path(name: str, *, folder: Path = FOLDER) -> Path:
    """Return the GGUF file of a model after checking its content.

    Args:
        name: The model's name, such as ``tern-s``.
        folder: Where weights and checksums lie.

    Raises:
        WeightsMissing: The file or its checksum is not there.
        WeightsAltered: The file is altered or truncated.
    """
    path = folder / f"{name}.gguf"
    expected = _published(folder).get(path.name)
    if expected is None:
        raise WeightsMissing(f"{path.name} is not listed in {_SUMS}; {_REMEDY}")
    if not path.is_file():
        raise WeightsMissing(f"{path.name} is listed in {_SUMS} but not there; {_REMEDY}")
    actual = _digest(path)
    if actual != expected:
        raise WeightsAltered(
            f"{path.name} is altered or truncated: {path.stat().st_size} bytes with SHA-256 "
            f"{actual[:12]}..., published was {expected[:12]}...; {_REMEDY}"
        )
    return path


def write_checksums(*, folder: Path = FOLDER) -> Path:
    """Write ``SHA256SUMS`` for every GGUF file in ``folder`` (`sha256sum -c` reads it)."""
    sums = folder / _SUMS
    lines = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.glob("*.gguf"))]
    sums.write_text("".join(lines))
    return sums


def _published(folder: Path) -> dict[str, str]:
    sums = folder / _SUMS
    if not sums.is_file():
        raise WeightsMissing(f"{_SUMS} is not there; {_REMEDY}")
    listed = (line.split(maxsplit=1) for line in sums.read_text().splitlines() if line)
    return {name.strip(): digest for digest, name in listed}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
