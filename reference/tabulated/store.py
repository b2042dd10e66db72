"""The table's file as it is written; ``optimizer.replay.table_file`` says what is in it."""

from __future__ import annotations

import hashlib
import json
import lzma
from pathlib import Path

import numpy as np

from optimizer.replay.table_file import ARRAYS, FORMAT, LENGTH, MAGIC, PREFIX, TableData

__all__ = ["write_table"]


def write_table(path: Path, data: TableData) -> str:
    """Write a table in one step, so that a reader finds the old file or the new one.

    Beside it goes a ``.sha256`` file, as ``sha256sum --check`` reads it.

    Returns:
        The SHA-256 of the file.
    """
    shapes: dict[str, list[int]] = {}
    planes: list[bytes] = ["\n".join(data.graph_keys).encode()]
    for name, kind in ARRAYS.items():
        array = np.ascontiguousarray(data.arrays[name], dtype=kind)
        shapes[name] = list(array.shape)
        planes.append(array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T.tobytes())
    header = {**data.header, "shapes": shapes, "keys_bytes": len(planes[0])}
    written = json.dumps(header, ensure_ascii=False, sort_keys=True).encode()
    body = LENGTH.pack(len(written)) + written + lzma.compress(b"".join(planes), preset=6)
    content = PREFIX.pack(MAGIC, FORMAT, hashlib.sha256(body).digest()) + body
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
    digest = hashlib.sha256(content).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    return digest
