"""What the tests of the commands share."""

from pathlib import Path

import pytest

from bench.search_reference_synthetic import made_up_table
from reference.tabulated.store import write_table


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small table of made-up outcomes."""
    path = tmp_path_factory.mktemp("table") / "table.bin"
    write_table(path, made_up_table(("tern-s", "gannet-m"), questions=64))
    return path
