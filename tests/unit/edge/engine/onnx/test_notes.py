"""What exporters write beside a graph, in the shapes in which they write it."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.engine.onnx.notes import read_notes
from runtime.errors import ModelInvalid


def write(folder: Path, **files: Any) -> Path:
    """Write JSON files, and return where the graph would be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "model.onnx"


def test_transformers_files_are_read(tmp_path: Path) -> None:
    graph = write(
        tmp_path,
        config={"max_position_embeddings": 2048, "eos_token_id": 7, "hidden_size": 64},
        generation_config={"eos_token_id": [7, 9]},
        tokenizer_config={
            "bos_token": {"content": "<s>", "special": True},
            "eos_token": "</s>",
            "add_bos_token": True,
            "model_max_length": 10**30,
            "chat_template": [
                {"name": "tool_use", "template": "tools"},
                {"name": "default", "template": "plain"},
            ],
        },
    )

    notes = read_notes(graph, {})

    assert (notes.context_tokens, notes.hidden_size) == (2048, 64)
    assert notes.end_ids == (7, 9)
    assert (notes.bos, notes.eos, notes.adds_bos) == ("<s>", "</s>", True)
    assert notes.chat_template == "plain"


def test_genai_files_and_the_graphs_own_words_count_where_nothing_else_speaks(
    tmp_path: Path,
) -> None:
    genai = write(
        tmp_path / "a", genai_config={"model": {"context_length": 512, "eos_token_id": 3}}
    )
    bare = write(tmp_path / "b")

    told = read_notes(genai, {"leeward.context_tokens": "99", "leeward.eos_token_id": "1"})
    own = read_notes(bare, {"leeward.context_tokens": "99", "leeward.eos_token_id": "1"})
    nothing = read_notes(bare, {})

    assert (told.context_tokens, told.end_ids) == (512, (3,))
    assert (own.context_tokens, own.end_ids) == (99, (1,))
    assert (nothing.context_tokens, nothing.end_ids, nothing.adds_bos) == (0, (), None)


def test_a_graph_in_a_folder_of_graphs_has_its_notes_above(tmp_path: Path) -> None:
    write(tmp_path, config={"n_positions": 128})
    (tmp_path / "chat_template.jinja").write_text("above")

    notes = read_notes(write(tmp_path / "onnx"), {})

    assert (notes.context_tokens, notes.chat_template) == (128, "above")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)

    with pytest.raises(ModelInvalid, match=r"^config\.json beside it is not"):
        read_notes(tmp_path / "model.onnx", {})


@pytest.mark.parametrize("value", [None, True, -3, 1.5, "many", [], {}, 10**30])
def test_a_number_that_is_none_counts_as_unsaid(tmp_path: Path, value: Any) -> None:
    graph = write(
        tmp_path,
        config={"max_position_embeddings": value, "eos_token_id": value, "hidden_size": value},
    )

    notes = read_notes(graph, {})

    assert notes.context_tokens == 0
    assert notes.end_ids in {(), (10**30,)}
