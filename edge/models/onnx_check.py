"""Where an ONNX model's files lie, and whether its graph is the one that was meant.

A model is one ``.onnx`` file with its notes beside it, or a folder as exporters leave it. What
the graph holds is found out by the process that loads it, never here.
"""

from pathlib import Path
from typing import Final

from edge.models.gguf_check import sha256_of
from runtime.errors import ModelInvalid

__all__ = ["check_onnx", "is_onnx", "onnx_file"]

_SUFFIX: Final = ".onnx"
_NAMES: Final = ("model.onnx", "onnx/model.onnx", "decoder_model_merged.onnx")
"""Where exporters put the graph of a folder; the first that exists is taken."""


def is_onnx(path: Path) -> bool:
    """Whether a model's path means an ONNX model: a ``.onnx`` file, or a folder."""
    return path.suffix.lower() == _SUFFIX or path.is_dir()


def onnx_file(path: Path) -> Path:
    """Return the graph of a model.

    Raises:
        ModelInvalid: The folder holds none; the text names what was looked for.
    """
    if not path.is_dir():
        return path
    for name in _NAMES:
        if (path / name).is_file():
            return path / name
    raise ModelInvalid(f"{path}: the folder holds no {' or '.join(_NAMES)}")


def check_onnx(path: Path, *, sha256: str = "") -> Path:
    """Return the graph of a model after comparing its content.

    Args:
        path: The model.
        sha256: Expected digest of the graph in hexadecimal; empty skips the comparison. Weights
            that the graph keeps in files of their own are not covered.

    Raises:
        ModelInvalid: The file is missing, empty, or has another digest; one line.
    """
    file = onnx_file(path)
    try:
        size_bytes = file.stat().st_size
        digest = sha256_of(file) if sha256 else ""
    except OSError as error:
        raise ModelInvalid(f"{file}: {error.strerror}") from None
    if not size_bytes:
        raise ModelInvalid(f"{file}: the file is empty")
    if digest != sha256:
        raise ModelInvalid(f"{file}: its SHA-256 is {digest}, expected was {sha256}")
    return file
