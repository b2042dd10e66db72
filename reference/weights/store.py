"""Find a model's weights, as GGUF or ONNX, and verify them against ``SHA256SUMS``.

WeightsUnusable
├── WeightsMissing    no such file, or no checksum for it
├── WeightsAltered    the content is not what was published (also when truncated)
└── WeightsOutdated   an ONNX file was made from another GGUF file than the one beside it
"""

import hashlib
from pathlib import Path
from typing import Final

__all__ = [
    "FOLDER",
    "WeightsAltered",
    "WeightsMissing",
    "WeightsOutdated",
    "WeightsUnusable",
    "onnx_path",
    "published_models",
    "sha256_of",
    "weights_path",
    "write_checksums",
]

FOLDER: Final = Path(__file__).parent
_SUMS: Final = "SHA256SUMS"
_PATTERNS: Final = ("*.gguf", "*.onnx")
_REMEDY: Final = "restore it from version control or train it again (reference/README.md)"


class WeightsUnusable(Exception):
    """A model's weights cannot be used."""


class WeightsMissing(WeightsUnusable):
    """There is no file, or no checksum, of this name."""


class WeightsAltered(WeightsUnusable):
    """The file's checksum is not the published one."""


class WeightsOutdated(WeightsUnusable):
    """The file was made from other weights than those beside it."""


def weights_path(name: str, *, folder: Path = FOLDER) -> Path:
    """Return the GGUF file of a model after checking its content.

    Args:
        name: The model's name, such as ``tern-s``.
        folder: Where weights and checksums lie.

    Raises:
        WeightsMissing: The file or its checksum is not there.
        WeightsAltered: The file is altered or truncated.
    """
    return _verified(folder / f"{name}.gguf")


def onnx_path(name: str, *, folder: Path = FOLDER) -> Path:
    """Return the ONNX file of a model after checking its content, as `weights_path` does.

    Raises:
        WeightsMissing: The file or its checksum is not there.
        WeightsAltered: The file is altered or truncated.
    """
    return _verified(folder / f"{name}.onnx")


def published_models(*, folder: Path = FOLDER) -> list[str]:
    """Name the models whose weights are published here, without their four-bit copies.

    Raises:
        WeightsMissing: There is no list of checksums.
    """
    ending = ".gguf"
    names = [file.removesuffix(ending) for file in _published(folder) if file.endswith(ending)]
    return sorted(name for name in names if "." not in name)


def write_checksums(*, folder: Path = FOLDER) -> Path:
    """Write ``SHA256SUMS`` for the GGUF and ONNX files in ``folder`` (`sha256sum -c` reads it)."""
    sums = folder / _SUMS
    files = sorted(path for pattern in _PATTERNS for path in folder.glob(pattern))
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in files]
    sums.write_text("".join(lines))
    return sums


def sha256_of(path: Path) -> str:
    """Hash a file's content, as ``SHA256SUMS`` lists it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(path: Path) -> Path:
    expected = _published(path.parent).get(path.name)
    if expected is None:
        raise WeightsMissing(f"{path.name} is not listed in {_SUMS}; {_REMEDY}")
    if not path.is_file():
        raise WeightsMissing(f"{path.name} is listed in {_SUMS} but not there; {_REMEDY}")
    actual = sha256_of(path)
    if actual != expected:
        raise WeightsAltered(
            f"{path.name} is altered or truncated: {path.stat().st_size} bytes with SHA-256 "
            f"{actual[:12]}..., published was {expected[:12]}...; {_REMEDY}"
        )
    return path


def _published(folder: Path) -> dict[str, str]:
    sums = folder / _SUMS
    if not sums.is_file():
        raise WeightsMissing(f"{_SUMS} is not there; {_REMEDY}")
    listed = (line.split(maxsplit=1) for line in sums.read_text().splitlines() if line)
    return {name.strip(): digest for digest, name in listed}
