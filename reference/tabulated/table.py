"""Where the committed table lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import read_table

__all__ = ["TABLE_PATH", "load_table"]

TABLE_PATH: Final = Path(__file__).parent / "data" / "table.bin"


def load_table(path: Path = TABLE_PATH) -> GraphTable:
    """Read the committed table, or another one.

    Raises:
        TableUnusable: The file is missing, altered or of another version.
    """
    return GraphTable(read_table(path))
