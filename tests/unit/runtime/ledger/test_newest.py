"""The newest entries are found without reading the whole ledger."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import LedgerCorrupt, NotFound
from runtime.ledger.read import newest_entries, read_entries
from runtime.ledger.record import ContentPassage


@pytest.fixture
async def ledger(tmp_path: Path, write: Any, passage: Callable[[str], ContentPassage]) -> Path:
    await write(tmp_path, *[passage(f"r{number}") for number in range(600)])
    return tmp_path


@pytest.mark.parametrize("most", [1, 20, 100])
async def test_they_are_the_last_ones_in_order(ledger: Path, most: int) -> None:
    assert newest_entries(ledger, most=most) == tuple(read_entries(ledger))[-most:]


async def test_a_longer_ledger_than_is_read_gives_whole_entries(ledger: Path) -> None:
    every = tuple(read_entries(ledger))
    assert sum(len(entry.line) for entry in every) > 300_000

    found = newest_entries(ledger, most=10_000)

    assert 50 < len(found) < len(every)
    assert found == every[-len(found) :]


async def test_a_shorter_one_gives_all(
    tmp_path: Path, write: Any, passage: Callable[[str], ContentPassage]
) -> None:
    await write(tmp_path, passage("r1"))

    assert newest_entries(tmp_path, most=50) == tuple(read_entries(tmp_path))


async def test_a_torn_end_is_left_out(ledger: Path) -> None:
    whole = newest_entries(ledger, most=5)
    lengthen(ledger, whole[-1].line[:40])

    assert newest_entries(ledger, most=5) == whole


async def test_an_altered_end_is_named(ledger: Path) -> None:
    lengthen(ledger, b"something else")

    with pytest.raises(LedgerCorrupt, match="jsonl: its end is not an entry"):
        newest_entries(ledger, most=5)


def test_no_ledger_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        newest_entries(tmp_path, most=5)


def lengthen(ledger: Path, data: bytes) -> None:
    with max(ledger.glob("*.jsonl")).open("ab") as end:
        end.write(data)
