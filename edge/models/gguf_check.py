"""A sanity check of GGUF files before libllama sees them.

Reads header, metadata and tensor directory in pure Python and compares them with the file's
size; it never reads weights and does not know architectures. The layout is that of
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

import hashlib
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Final

from runtime.errors import ModelInvalid

__all__ = ["GgufSummary", "check_gguf", "sha256_of"]

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_HEADER_BYTES: Final = 24
_MAX_TENSORS: Final = 1 << 17
_MAX_METADATA: Final = 1 << 16
_MAX_ARRAY_ITEMS: Final = 1 << 24
_MAX_STRINGS: Final = 1 << 22
"""Of all arrays together: four times the largest vocabularies with their merges."""
_MAX_NAME_BYTES: Final = 1 << 16
_MAX_DIMENSIONS: Final = 4
_MAX_ALIGNMENT: Final = 1 << 16
_DEFAULT_ALIGNMENT: Final = 32
_CACHE_VALUE_BYTES: Final = 2
_SIZES: Final = (
    ".block_count",
    ".context_length",
    ".embedding_length",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".attention.key_length",
    ".attention.value_length",
)

_TEXTS: Final = frozenset({"general.type", "adapter.type"})

_SCALARS: Final[dict[int, str]] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f",
    7: "<B", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_COUNTS: Final = frozenset({4, 10})
"""The unsigned integers of 32 and 64 bits."""
_STRING: Final = 8
_ARRAY: Final = 9

_BLOCKS: Final[dict[int, tuple[int, int]]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66),
    39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip
"""Tensor type to (weights per block, bytes per block), as in ggml's ``type_traits``."""


@dataclass(frozen=True, slots=True)
class GgufSummary:
    """What the header says about a model."""

    architecture: str
    version: int
    tensors: int
    parameters: int
    size_bytes: int
    trained_tokens: int
    """The longest context that the model knows; 0 when the header does not say."""
    cache_bytes_per_token: int
    """Of keys and values at 16 bits each; 0 when the header does not say."""
    kind: str = "model"
    """``adapter`` where the file corrects another one."""
    adapter_type: str = ""
    """How an adapter corrects: ``lora``."""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Of each tensor, the fastest running dimension first."""


class _Broken(Exception):
    """The file contradicts itself; the text is the reason."""


def check_gguf(path: Path, *, sha256: str = "") -> GgufSummary:
    """Read the header of a model file and compare it with the file's size.

    Args:
        path: The file.
        sha256: Expected digest in hexadecimal; empty skips the comparison.

    Returns:
        What the header says.

    Raises:
        ModelInvalid: The file is missing, not GGUF, truncated, absurd, or has another digest;
            the text is one line that names the file.
    """
    try:
        summary = _read_summary(path)
        digest = sha256_of(path) if sha256 else ""
    except FileNotFoundError:
        raise ModelInvalid(f"{path}: no such model file") from None
    except OSError as error:
        raise ModelInvalid(f"{path}: cannot be read: {error.strerror}") from None
    except _Broken as error:
        raise ModelInvalid(f"{path}: {error}") from None
    if digest != sha256.lower():
        raise ModelInvalid(f"{path}: its SHA-256 is not the expected one")
    return summary


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_summary(path: Path) -> GgufSummary:
    size_bytes = path.stat().st_size
    if not path.is_file():
        raise _Broken("not a regular file")
    if size_bytes < _HEADER_BYTES:
        raise _Broken(f"{size_bytes} bytes is too short for a GGUF header")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Reader(data, size_bytes).summary()


class _Reader:
    """A cursor over the header; every read is checked against the end of the file."""

    def __init__(self, data: mmap.mmap, size_bytes: int) -> None:
        self._data = data
        self._size_bytes = size_bytes
        self._at = 0
        self._architecture = ""
        self._alignment = _DEFAULT_ALIGNMENT
        self._sizes: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._strings = 0

    def summary(self) -> GgufSummary:
        magic = self._take(4)
        if magic != _MAGIC:
            raise _Broken("not a GGUF file")
        version = self._number("<I")
        if version not in _VERSIONS:
            is_swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
            hint = " (big-endian file)" if is_swapped else ""
            raise _Broken(f"GGUF version {version} is not 2 or 3{hint}")
        tensors = self._count(_MAX_TENSORS, "tensors")
        entries = self._count(_MAX_METADATA, "metadata entries")
        if tensors == 0:
            raise _Broken("holds no tensors")
        for _ in range(entries):
            self._read_metadata()
        if not self._architecture:
            raise _Broken("names no general.architecture")
        parameters = self._read_directory(tensors)
        return GgufSummary(
            architecture=self._architecture,
            version=version,
            tensors=tensors,
            parameters=parameters,
            size_bytes=self._size_bytes,
            trained_tokens=self._size("context_length"),
            cache_bytes_per_token=self._cache_bytes_per_token(),
            kind=self._texts.get("general.type", "model"),
            adapter_type=self._texts.get("adapter.type", ""),
            shapes=self._shapes,
        )

    def _size(self, name: str, default: int = 0) -> int:
        return self._sizes.get(f"{self._architecture}.{name}", default)

    def _cache_bytes_per_token(self) -> int:
        heads = self._size("attention.head_count", 1)
        # Where layers differ the header has a list, which is skipped: all heads are the most.
        kept_heads = self._size("attention.head_count_kv", heads)
        width = self._size("embedding_length") // max(heads, 1)
        key, value = (self._size(f"attention.{name}_length", width) for name in ("key", "value"))
        return self._size("block_count") * kept_heads * (key + value) * _CACHE_VALUE_BYTES

    def _read_metadata(self) -> None:
        key = self._text()
        kind = self._number("<I")
        if key == "general.architecture" and kind == _STRING:
            self._architecture = self._text()
        elif key in _TEXTS and kind == _STRING:
            self._texts[key] = self._text()
        elif key == "general.alignment" and kind in _SCALARS:
            self._alignment = self._number(_SCALARS[kind])
            alignment = self._alignment
            if not 0 < alignment <= _MAX_ALIGNMENT or alignment & (alignment - 1):
                raise _Broken(f"alignment {alignment} is not a power of two")
        elif kind in _COUNTS and key.endswith(_SIZES):
            self._sizes[key] = self._number(_SCALARS[kind])
        else:
            self._skip_value(kind)

    def _skip_value(self, kind: int) -> None:
        if kind in _SCALARS:
            self._take(struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self._skip_string()
        elif kind == _ARRAY:
            self._skip_array()
        else:
            raise _Broken(f"metadata type {kind} does not exist")

    def _skip_array(self) -> None:
        kind = self._number("<I")
        count = self._count(_MAX_ARRAY_ITEMS, "array items")
        if kind in _SCALARS:
            self._advance(count * struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self._take_string_budget(count)
            for _ in range(count):
                self._skip_string()
        else:
            raise _Broken(f"metadata arrays of type {kind} are not allowed")

    def _read_directory(self, tensors: int) -> int:
        """Check every tensor's place; return the number of weights."""
        extents = [self._tensor() for _ in range(tensors)]
        start = -(-self._at // self._alignment) * self._alignment
        for name, offset_bytes, length_bytes, _ in extents:
            if offset_bytes % self._alignment:
                raise _Broken(f"tensor {name} is not aligned")
            missing = start + offset_bytes + length_bytes - self._size_bytes
            if missing > 0:
                raise _Broken(f"truncated: tensor {name} ends {missing} bytes behind the file")
        _require_apart(extents)
        return sum(weights for *_, weights in extents)

    def _take_string_budget(self, count: int) -> None:
        self._strings += count
        if self._strings > _MAX_STRINGS:
            raise _Broken(f"holds more than {_MAX_STRINGS} strings")

    def _tensor(self) -> tuple[str, int, int, int]:
        """Read one directory entry: name, offset, length in bytes, weights."""
        name = ascii(self._text())[1:-1][:64]
        dimensions = self._number("<I")
        if not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise _Broken(f"tensor {name} has {dimensions} dimensions")
        shape = [self._number("<Q") for _ in range(dimensions)]
        kind = self._number("<I")
        offset_bytes = self._number("<Q")
        weights = prod(shape)
        if kind not in _BLOCKS:
            raise _Broken(f"tensor {name} has unknown type {kind}")
        block_weights, block_bytes = _BLOCKS[kind]
        if weights == 0 or shape[0] % block_weights:
            raise _Broken(f"tensor {name} has an impossible shape")
        self._shapes[name] = tuple(shape)
        return name, offset_bytes, weights // block_weights * block_bytes, weights

    def _count(self, limit: int, what: str) -> int:
        count = self._number("<Q")
        if count > limit:
            raise _Broken(f"claims {count} {what}; {limit} is the most")
        return count

    def _text(self) -> str:
        length_bytes = self._number("<Q")
        if length_bytes > _MAX_NAME_BYTES:
            raise _Broken(f"a name of {length_bytes} bytes is too long")
        return self._take(length_bytes).decode("utf-8", "replace")

    def _skip_string(self) -> None:
        self._advance(self._number("<Q"))

    def _number(self, layout: str) -> int:
        (value,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return int(value)

    def _take(self, length_bytes: int) -> bytes:
        start = self._at
        self._advance(length_bytes)
        return self._data[start : self._at]

    def _advance(self, length_bytes: int) -> None:
        if length_bytes > self._size_bytes - self._at:
            raise _Broken("truncated: the header runs behind the end of the file")
        self._at += length_bytes


def _require_apart(extents: list[tuple[str, int, int, int]]) -> None:
    """Refuse tensors that share bytes; no writer of models makes them."""
    end_bytes = 0
    for name, offset_bytes, length_bytes, _ in sorted(extents, key=itemgetter(1)):
        if offset_bytes < end_bytes:
            raise _Broken(f"tensor {name} overlaps another")
        end_bytes = offset_bytes + length_bytes
