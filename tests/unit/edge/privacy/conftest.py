"""A vault in a directory of its own, for the tests of what keeps originals in it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.privacy.vault import Vault
from runtime.clock import SystemClock


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with closing(Vault(tmp_path / "vault", clock=SystemClock())) as opened:
        yield opened
