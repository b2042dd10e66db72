"""Adapters are bound to their base, versioned, taken into use and rolled back."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.random_gguf import Shape, write_adapter, write_model
from edge.models.adapter_check import check_adapter
from edge.models.adapters import AdapterRegistry, resolve_adapter_file
from runtime.errors import ModelInvalid, NotFound
from runtime.testing.fakes import ManualClock

SHAPE = Shape(
    layers=1, width=64, heads=2, kv_heads=1, ffn_width=128, vocabulary=300, context_tokens=64
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_model(tmp_path / "base.gguf", SHAPE)
    write_model(tmp_path / "other.gguf", SHAPE, seed=1)
    write_adapter(tmp_path / "good.gguf", SHAPE, rank=4)
    write_adapter(tmp_path / "better.gguf", SHAPE, rank=8, seed=2)
    return tmp_path


@pytest.fixture
def registry(files: Path) -> AdapterRegistry:
    return AdapterRegistry(files / "state", clock=ManualClock())


def registered(registry: AdapterRegistry, files: Path, *names: str) -> None:
    for name in names:
        registry.register(
            "polite", files / f"{name}.gguf", base_model="small", base=files / "base.gguf"
        )


def test_what_fits_is_described(files: Path) -> None:
    facts = check_adapter(files / "good.gguf", files / "base.gguf")

    assert (facts.rank, facts.tensors, facts.parameters) == (4, 2, 4 * 4 * 64)


@pytest.mark.parametrize(
    ("shape", "architecture", "reason"),
    [
        (replace(SHAPE, width=128), "llama", "makes blk.0.attn_output.weight 128 x 128"),
        (replace(SHAPE, layers=2), "llama", "the model has no tensor blk.1"),
        (SHAPE, "qwen2", "corrects qwen2 models, this is llama"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_stored(
    registry: AdapterRegistry, files: Path, shape: Shape, architecture: str, reason: str
) -> None:
    write_adapter(files / "bad.gguf", shape, architecture=architecture)

    with pytest.raises(ModelInvalid, match=reason):
        registered(registry, files, "bad")

    assert registry.all() == ()


@pytest.mark.parametrize(
    ("adapter", "base", "reason"),
    [
        ("other", "base", "it is no LoRA adapter"),
        ("good", "better", "that is no model but of type adapter"),
        ("none", "base", "no such model file"),
    ],
)
def test_files_of_another_kind_are_refused(
    files: Path, adapter: str, base: str, reason: str
) -> None:
    with pytest.raises(ModelInvalid, match=reason):
        check_adapter(files / f"{adapter}.gguf", files / f"{base}.gguf")


def test_factors_of_two_ranks_are_refused(files: Path) -> None:
    data = (files / "good.gguf").read_bytes()
    name = b"blk.0.attn_q.weight.lora_b"
    at = data.index(name) + len(name) + 4
    changed = data[:at] + (2).to_bytes(8, "little") + data[at + 8 :]
    (files / "odd.gguf").write_bytes(changed)

    with pytest.raises(ModelInvalid, match="ranks 4 and 2"):
        check_adapter(files / "odd.gguf", files / "base.gguf")


def test_versions_come_into_use_and_go_back(registry: AdapterRegistry, files: Path) -> None:
    registered(registry, files, "good", "better")
    active = resolve_adapter_file("polite", files / "state")

    registry.use("polite", 1)
    registry.use("polite", 2, gate="passed")
    newest = active.read_bytes()
    rolled_back = registry.rollback("polite")

    assert newest == (files / "better.gguf").read_bytes()
    assert active.read_bytes() == (files / "good.gguf").read_bytes()
    assert rolled_back.active is not None
    assert rolled_back.active.version == 1
    assert rolled_back.version(2).gate == "passed"
    with pytest.raises(NotFound, match="no version of adapter polite was in use before"):
        registry.rollback("polite")
    with pytest.raises(NotFound, match="has no version 3; it has 1, 2"):
        registry.use("polite", 3)


def test_an_adapter_is_loaded_with_its_own_base_alone(
    registry: AdapterRegistry, files: Path
) -> None:
    registered(registry, files, "good")
    active = resolve_adapter_file("polite", files / "state")
    with pytest.raises(ModelInvalid, match="no version of adapter polite is in use"):
        registry.require_base(active, files / "base.gguf")
    registry.use("polite", 1)

    registry.require_base(active, files / "base.gguf")
    with pytest.raises(ModelInvalid, match=r"registered for another model than other\.gguf"):
        registry.require_base(active, files / "other.gguf")
    registry.require_base(files / "good.gguf", files / "other.gguf")  # none of the registry's


def test_an_altered_version_is_neither_used_nor_loaded(
    registry: AdapterRegistry, files: Path
) -> None:
    registered(registry, files, "good", "better")
    registry.use("polite", 1)
    active = resolve_adapter_file("polite", files / "state")
    registry.file_of("polite", 2).write_bytes(b"GGUF")
    active.write_bytes(b"GGUF")

    with pytest.raises(ModelInvalid, match="was altered"):
        registry.use("polite", 2)
    with pytest.raises(ModelInvalid, match="is not version 1 as it was registered"):
        registry.require_base(active, files / "base.gguf")


def test_a_name_without_registry_means_a_pulled_model(files: Path) -> None:
    state = files / "state"

    assert resolve_adapter_file("polite", state) == state / "models" / "polite.gguf"
    assert resolve_adapter_file("a/polite.gguf", state, base=files) == files / "a" / "polite.gguf"


def test_a_broken_registry_is_said_in_a_sentence(registry: AdapterRegistry, files: Path) -> None:
    registered(registry, files, "good")
    (files / "state" / "adapters" / "polite" / "registry.json").write_text('{"leeward": 1}')

    with pytest.raises(ModelInvalid, match="is no registry of adapters"):
        registry.get("polite")
