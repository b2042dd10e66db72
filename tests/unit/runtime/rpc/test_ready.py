"""A daemon that has settled down does not look through what it loaded again."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from runtime.rpc.ready import settle_down


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class _Node:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_looked_through_no_more() -> None:
    settle_down()

    assert gc.get_freeze_count() > 1_000
    assert len(gc.get_objects()) < 1_000


def test_a_cycle_that_is_left_later_is_found() -> None:
    settle_down()
    node = _Node()
    left = weakref.ref(node)

    del node
    gc.collect()

    assert left() is None


def test_cycles_are_found_without_being_asked_for() -> None:
    # In a process of its own: pytest's own objects would decide when collections run.
    program = (
        "import weakref\n"
        "from runtime.rpc.ready import settle_down\n"
        "class Node:\n"
        "    def __init__(self): self.itself = self\n"
        "settle_down()\n"
        "left = [weakref.ref(Node()) for _ in range(100_000)]\n"
        "assert sum(one() is None for one in left) > 50_000\n"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert ran.returncode == 0, ran.stderr
