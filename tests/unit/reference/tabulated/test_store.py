"""The file: what is written is read, and nothing else."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.replay.table_file import (
    ARRAYS,
    FORMAT,
    TableAltered,
    TableData,
    TableForeign,
    TableMissing,
    read_table,
)
from reference.tabulated.store import write_table


def made_up(seed: int = 0) -> TableData:
    rng = np.random.default_rng(seed)
    shapes = {"move_inputs": (5, 4), "ways": (2, 3, 5), "call_of": (4, 5)}
    arrays = {
        name: rng.integers(0, 100, size=shapes.get(name, (7,))).astype(kind)
        for name, kind in ARRAYS.items()
    }
    return TableData({"pool": ["a", "b"], "word": "naïve"}, ("a#0", "b#0"), arrays)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "table.bin"
    write_table(path, made_up())
    return path


def test_everything_comes_back(written: Path) -> None:
    read, made = read_table(written), made_up()

    assert read.header == made.header
    assert read.graph_keys == made.graph_keys
    for name, kind in ARRAYS.items():
        assert read.arrays[name].dtype == np.dtype(kind)
        np.testing.assert_array_equal(read.arrays[name], made.arrays[name])


def test_the_same_content_makes_the_same_file(tmp_path: Path) -> None:
    one = write_table(tmp_path / "one.bin", made_up())
    other = write_table(tmp_path / "other.bin", made_up())

    assert one == other
    assert write_table(tmp_path / "third.bin", made_up(1)) != one


def test_the_checksum_beside_the_file_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "table.bin"

    digest = write_table(path, made_up())

    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "table.bin.sha256").read_text() == f"{digest}  table.bin\n"


def test_a_file_cut_at_any_byte_is_refused(written: Path) -> None:
    whole = written.read_bytes()

    for length in range(len(whole)):
        written.write_bytes(whole[:length])
        with pytest.raises(TableAltered):
            read_table(written)


@given(place=st.integers(0), flip=st.integers(1, 255))
def test_a_file_with_any_changed_byte_is_refused(
    place: int, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("altered") / "table.bin"
    write_table(path, made_up())
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(content)

    with pytest.raises((TableAltered, TableForeign)):
        read_table(path)


def test_a_file_with_more_at_its_end_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes() + b"\0")

    with pytest.raises(TableAltered):
        read_table(written)


def test_another_format_is_told_apart_from_damage(written: Path) -> None:
    content = bytearray(written.read_bytes())
    content[8:12] = (FORMAT + 1).to_bytes(4, "little")
    written.write_bytes(content)

    with pytest.raises(TableForeign, match=f"format {FORMAT + 1}"):
        read_table(written)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match=r"table\.bin is not there"):
        read_table(tmp_path / "table.bin")
