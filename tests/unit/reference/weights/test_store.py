"""Weights are verified before use."""

from pathlib import Path

import pytest

from reference.weights import (
    WeightsAltered,
    WeightsMissing,
    WeightsUnusable,
    onnx_path,
    published_models,
    weights_path,
    write_checksums,
)
from reference.weights.store import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF" + bytes(range(200)))
    (tmp_path / "tiny.onnx").write_bytes(bytes(range(200)))
    write_checksums(folder=tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", published_models())
def test_the_committed_weights_are_the_published_ones(name: str) -> None:
    assert weights_path(name).read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize("name", published_models())
def test_the_committed_onnx_files_are_the_published_ones(name: str) -> None:
    assert onnx_path(name).stat().st_size < 1.1 * weights_path(name).stat().st_size


def test_a_four_bit_file_is_found_by_its_longer_name() -> None:
    whole, four_bit = weights_path("gannet-m"), weights_path("gannet-m.q4")

    assert four_bit.stat().st_size < 0.6 * whole.stat().st_size


def test_the_committed_weights_are_small() -> None:
    files = [path for path in FOLDER.iterdir() if path.suffix in {".gguf", ".onnx"}]

    assert sum(path.stat().st_size for path in files) < 40_000_000


def test_an_intact_file_is_found(folder: Path) -> None:
    assert weights_path("tiny", folder=folder) == folder / "tiny.gguf"


def test_an_altered_file_is_refused(folder: Path) -> None:
    content = bytearray((folder / "tiny.gguf").read_bytes())
    content[100] ^= 1
    (folder / "tiny.gguf").write_bytes(content)

    with pytest.raises(WeightsAltered, match=r"tiny\.gguf is altered or truncated"):
        weights_path("tiny", folder=folder)


def test_an_altered_onnx_file_is_refused(folder: Path) -> None:
    (folder / "tiny.onnx").write_bytes(bytes(reversed(range(200))))

    with pytest.raises(WeightsAltered, match=r"tiny\.onnx is altered or truncated"):
        onnx_path("tiny", folder=folder)
    assert weights_path("tiny", folder=folder).is_file()


def test_a_truncated_onnx_file_is_refused(folder: Path) -> None:
    (folder / "tiny.onnx").write_bytes(bytes(range(50)))

    with pytest.raises(WeightsAltered, match=r"tiny\.onnx is altered or truncated: 50 bytes"):
        onnx_path("tiny", folder=folder)


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
