"""The table of graphs as one file: what it holds, and how it is checked when read.

The file is a magic word, a version, the SHA-256 of all that follows, a JSON header and the
arrays, byte plane by byte plane under LZMA. Everything that a reader needs beside the arrays (the
catalog, FLOPs per token, questions) is in the header. ``reference.tabulated.store`` writes it.

TableUnusable
├── TableMissing    no such file
├── TableAltered    truncated, damaged or no table at all
└── TableForeign    written in another version of the format
"""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "ARRAYS",
    "FORMAT",
    "LENGTH",
    "MAGIC",
    "PREFIX",
    "TableAltered",
    "TableData",
    "TableForeign",
    "TableMissing",
    "TableUnusable",
    "read_table",
]

FORMAT: Final = 2
MAGIC: Final = b"LWTABLE\n"
PREFIX: Final = struct.Struct("<8sI32s")
LENGTH: Final = struct.Struct("<I")
_REMEDY: Final = "restore it from version control or build it again"

Array = npt.NDArray[Any]

ARRAYS: Final[Mapping[str, str]] = {
    "graph_family": "<u1",
    "move_model": "<u1",
    "move_role": "<u1",
    "move_sample": "<u1",
    "move_released": "<u1",
    "move_inputs": "<i4",
    "ways": "<i4",
    "call_offset": "<u4",
    "call_model": "<u1",
    "call_prompt_tokens": "<u2",
    "call_completion_tokens": "<u2",
    "call_latency_us": "<u4",
    "call_prompt_chars": "<u2",
    "call_right": "<u1",
    "call_mark": "<u4",
    "call_of": "<u2",
}
"""Every array by name, with its type. G graphs, Q questions, M moves, K kinds of label, C calls:
``graph_family`` (G); ``move_*`` (M), ``move_inputs`` (M, 4) filled with -1; ``ways`` (K, G, 5) the
moves of a graph's steps, the sink's first, filled with -1; ``call_offset`` (Q + 1) where each
question's calls begin; ``call_*`` (C); ``call_of`` (Q, M) the call within its question."""


class TableUnusable(Exception):
    """A table file cannot be used."""


class TableMissing(TableUnusable):
    """There is no file."""


class TableAltered(TableUnusable):
    """The content is not what was written."""


class TableForeign(TableUnusable):
    """The file is of another version of the format."""


@dataclass(frozen=True, eq=False)
class TableData:
    """What a file holds."""

    header: Mapping[str, Any]
    graph_keys: tuple[str, ...]
    arrays: Mapping[str, Array]


def read_table(path: Path) -> TableData:
    """Read a table and check that it is whole.

    Raises:
        TableMissing: There is no file.
        TableAltered: It is truncated, damaged or something else.
        TableForeign: It is of another version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TableMissing(f"{path.name} is not there; {_REMEDY}") from None
    body = _checked_body(path.name, content)
    (length,) = LENGTH.unpack_from(body)
    header: dict[str, Any] = json.loads(body[LENGTH.size : LENGTH.size + length])
    planes = lzma.decompress(body[LENGTH.size + length :])
    place = header.pop("keys_bytes")
    keys = tuple(planes[:place].decode().split("\n"))
    shapes = header.pop("shapes")
    arrays: dict[str, Array] = {}
    for name, kind in ARRAYS.items():
        wanted = np.dtype(kind)
        size = int(np.prod(shapes[name], dtype=np.int64)) * wanted.itemsize
        plane = np.frombuffer(planes, dtype=np.uint8, count=size, offset=place)
        bytes_of = np.ascontiguousarray(plane.reshape(wanted.itemsize, -1).T)
        arrays[name] = bytes_of.reshape(-1).view(wanted).reshape(shapes[name])
        place += size
    return TableData(header, keys, arrays)


def _checked_body(name: str, content: bytes) -> bytes:
    if len(content) < PREFIX.size:
        raise TableAltered(f"{name} is truncated: {len(content)} bytes; {_REMEDY}")
    magic, version, digest = PREFIX.unpack_from(content)
    if magic != MAGIC:
        raise TableAltered(f"{name} is no table of graphs; {_REMEDY}")
    if version != FORMAT:
        raise TableForeign(f"{name} has format {version}, this program reads {FORMAT}; {_REMEDY}")
    body = content[PREFIX.size :]
    if hashlib.sha256(body).digest() != digest:
        raise TableAltered(f"{name} is altered or truncated: its checksum does not fit; {_REMEDY}")
    return body
