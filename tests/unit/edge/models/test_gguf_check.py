"""Header check of GGUF files: whole ones pass, broken ones get one clear line."""

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.models.gguf_check import check_gguf
from runtime.errors import ModelInvalid

F32, Q8_0, STRING, UINT32, ARRAY = 0, 8, 8, 4, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


ARCHITECTURE = entry("general.architecture", STRING, text("llama"))
WORDS = entry("words", ARRAY, struct.pack("<IQ", STRING, 2) + text("a") + text("bc"))
NUMBERS = entry("numbers", ARRAY, struct.pack("<IQ", UINT32, 3) + bytes(12))


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    head = text(name) + struct.pack("<I", len(shape))
    return head + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)


def gguf(
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    tensors: tuple[bytes, ...] = (tensor("w", (8, 2), F32, 0),),
    tensor_count: int | None = None,
    metadata: tuple[bytes, ...] = (ARCHITECTURE, WORDS, NUMBERS),
    metadata_count: int | None = None,
    weights: int = 64,
) -> bytes:
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(metadata) if metadata_count is None else metadata_count,
    )
    head = magic + struct.pack("<IQQ", version, *counts) + b"".join(metadata) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(weights)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_a_whole_file_is_summarised(model: Path) -> None:
    model.write_bytes(gguf())

    summary = check_gguf(model)

    assert (summary.architecture, summary.version, summary.tensors) == ("llama", 3, 1)
    assert (summary.parameters, summary.size_bytes) == (16, model.stat().st_size)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too short"),
        (b"GGUF", "too short"),
        (gguf(magic=b"GGML"), "not a GGUF file"),
        (gguf(version=1), "version 1 is not 2 or 3"),
        (gguf(version=3 << 24), "big-endian"),
        (gguf(tensor_count=1 << 40), "claims 1099511627776 tensors"),
        (gguf(tensor_count=9), "0 dimensions"),
        (gguf(tensors=(), weights=0), "no tensors"),
        (gguf(metadata_count=1 << 33), "metadata entries"),
        (gguf(metadata=(WORDS,)), "names no general.architecture"),
        (gguf(metadata=(entry("x", 77, b""),)), "metadata type 77"),
        (gguf(metadata=(entry("x", ARRAY, struct.pack("<IQ", ARRAY, 1)),)), "arrays of type 9"),
        (gguf(metadata=(entry("x", STRING, struct.pack("<Q", 1 << 60)),)), "truncated"),
        (gguf(metadata=(ARCHITECTURE, entry("general.alignment", UINT32, struct.pack("<I", 24)))),
         "power of two"),
        (gguf(tensors=(tensor("w", (8, 2), F32, 16),)), "not aligned"),
        (gguf(tensors=(tensor("w", (8, 2), 99, 0),)), "unknown type 99"),
        (gguf(tensors=(tensor("w", (1, 1, 1, 1, 1), F32, 0),)), "5 dimensions"),
        (gguf(tensors=(tensor("w", (8, 0), F32, 0),)), "impossible shape"),
        (gguf(tensors=(tensor("w", (33,), Q8_0, 0),)), "impossible shape"),
        (gguf(tensors=(tensor("w", (1 << 40, 1 << 40), F32, 0),)), "truncated"),
        (gguf(tensors=(tensor("w", (8, 2), F32, 0), tensor("v", (8, 1), F32, 32))),
         "tensor v overlaps another"),
        (gguf(tensors=(tensor("w", (8, 2), F32, 0), tensor("v", (8, 2), F32, 0))), "overlaps"),
        (gguf(metadata=(entry("x", ARRAY, struct.pack("<IQ", STRING, (1 << 22) + 1)),)),
         "holds more than 4194304 strings"),
        (gguf(weights=63), "tensor w ends 1 bytes behind the file"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_its_reason(model: Path, data: bytes, reason: str) -> None:
    model.write_bytes(data)

    with pytest.raises(ModelInvalid) as caught:
        check_gguf(model)

    assert reason in str(caught.value)
    assert str(model) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_token_takes_in_the_cache_is_read_from_the_header(model: Path) -> None:
    sizes = {
        "block_count": 3,
        "embedding_length": 64,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
        "context_length": 1000,
    }
    numbers = [
        entry(f"llama.{name}", UINT32, struct.pack("<I", size)) for name, size in sizes.items()
    ]
    model.write_bytes(gguf(metadata=(ARCHITECTURE, *numbers)))

    summary = check_gguf(model)

    assert summary.trained_tokens == 1000
    assert summary.cache_bytes_per_token == 3 * 2 * (8 + 8) * 2


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="no such model file"):
        check_gguf(tmp_path / "none.gguf")
    with pytest.raises(ModelInvalid, match="not a regular file"):
        check_gguf(tmp_path)


def test_the_digest_is_compared_when_one_is_expected(model: Path) -> None:
    model.write_bytes(gguf())
    digest = hashlib.sha256(gguf()).hexdigest()

    assert check_gguf(model, sha256=digest.upper()).tensors == 1
    with pytest.raises(ModelInvalid, match="SHA-256"):
        check_gguf(model, sha256="0" * 64)


@settings(deadline=None)
@given(cut=st.integers(0, len(gguf()) - 1))
def test_every_truncation_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    model = tmp_path_factory.mktemp("cut") / "model.gguf"
    model.write_bytes(gguf()[:cut])

    with pytest.raises(ModelInvalid):
        check_gguf(model)


@settings(deadline=None)
@given(at=st.integers(0, len(gguf()) - 65), value=st.integers(0, 255))
def test_a_changed_byte_is_never_more_than_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    data = bytearray(gguf())
    data[at] = value
    model = tmp_path_factory.mktemp("flip") / "model.gguf"
    model.write_bytes(data)

    try:
        check_gguf(model)
    except ModelInvalid as error:
        assert str(model) in str(error)  # noqa: PT017 - either outcome is right
