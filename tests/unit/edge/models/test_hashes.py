"""Hashes of files are worked out again exactly when the file is another."""

import hashlib
import os
from pathlib import Path

import pytest

from edge.models import hashes
from edge.models.hashes import FileHashes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"one")
    return path


def hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_that_stays_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = FileHashes()
    first = known.of(file)
    monkeypatch.delattr(hashes, "sha256_of")

    assert known.of(file) == first == hashed(b"one")


def test_a_file_of_the_same_size_and_time_that_was_altered_is_read_again(file: Path) -> None:
    known, before = FileHashes(), file.stat()
    known.of(file)
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # clocks of file systems are coarse
        file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert known.of(file) == hashed(b"two")


def test_a_file_in_the_place_of_another_is_read(file: Path) -> None:
    known = FileHashes()
    known.of(file)
    other = file.with_name("other")
    other.write_bytes(b"two")
    other.replace(file)

    assert known.of(file) == hashed(b"two")
