"""Weights are verified before use."""

from pathlib import Path

import pytest

from reference.models import MODELS
from reference.weights import (
    WeightsAltered,
    WeightsMissing,
    WeightsUnusable,
    weights_path,
    write_checksums,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF" + bytes(range(200)))
    write_checksums(folder=tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_committed_weights_are_the_published_ones(name: str) -> None:
    assert weights_path(name).read_bytes()[:4] == b"GGUF"


def test_the_committed_weights_are_small() -> None:
    assert sum(weights_path(name).stat().st_size for name in MODELS) < 15_000_000


def test_an_intact_file_is_found(folder: Path) -> None:
    assert weights_path("tiny", folder=folder) == folder / "tiny.gguf"


def test_an_altered_file_is_refused(folder: Path) -> None:
    content = bytearray((folder / "tiny.gguf").read_bytes())
    content[100] ^= 1
    (folder / "tiny.gguf").write_bytes(content)

    with pytest.raises(WeightsAltered, match=r"tiny\.gguf is altered or truncated"):
        weights_path("tiny", folder=folder)


def test_a_truncated_file_is_refused(folder: Path) -> None:
    (folder / "tiny.gguf").write_bytes((folder / "tiny.gguf").read_bytes()[:50])

    with pytest.raises(WeightsAltered, match="50 bytes"):
        weights_path("tiny", folder=folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "tiny.gguf").unlink()

    with pytest.raises(WeightsMissing, match="not there"):
        weights_path("tiny", folder=folder)


def test_an_unlisted_name_is_refused(folder: Path) -> None:
    with pytest.raises(WeightsMissing, match="not listed"):
        weights_path("huge", folder=folder)


def test_without_checksums_nothing_is_used(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnusable, match="SHA256SUMS"):
        weights_path("tiny", folder=tmp_path)
