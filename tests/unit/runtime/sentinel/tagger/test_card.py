"""A card says how to read a model, whoever made it; a wrong one is refused in a sentence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from runtime.documents.described_file import read_described
from runtime.errors import ModelInvalid
from runtime.sentinel.tagger.card import read_card

CARD: dict[str, Any] = {
    "labels": ["O", "B-person", "I-person"],
    "threshold": 0.5,
    "window": 126,
    "begin_token": 101,
    "end_token": 102,
    "files": {"model.onnx": "0" * 64},
}


def written(folder: Path, **changes: object) -> Path:
    (folder / "model.json").write_text(json.dumps(CARD | changes))
    return folder


def test_labels_say_kind_and_beginning(tmp_path: Path) -> None:
    card = read_card(written(tmp_path))

    assert card.labels == (("", False), ("person", True), ("person", False))
    assert card.kinds == {"person"}
    assert card.neighbour_threshold == card.threshold


def test_another_models_labels_get_our_names(tmp_path: Path) -> None:
    labels = ["B-PER", "I-PER", "O", "LOC", "E-MISC"]
    kinds = {"PER": "person", "LOC": "place", "MISC": ""}

    card = read_card(written(tmp_path, labels=labels, kinds=kinds))

    assert card.labels == (
        *(("person", True), ("person", False), ("", False), ("place", False), ("", False)),
    )


def test_another_models_inputs_get_our_names(tmp_path: Path) -> None:
    inputs = {"tokens": "input_ids", "attention": "attention_mask", "shapes": ""}
    outputs = {"scores": "logits", "sentence": ""}

    card = read_card(written(tmp_path, inputs=inputs, outputs=outputs))

    assert card.inputs == {"tokens": "input_ids", "attention": "attention_mask"}
    assert (card.scores, card.sentence) == ("logits", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 1.0},
        {"threshold": 0.5, "neighbour_threshold": 0.6},
        {"threshold": "high"},
        {"window": 8},
        {"labels": ["O"]},
        {"labels": None},
        {"files": None},
        {"inputs": 3},
    ],
    ids=str,
)
def test_a_card_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelInvalid, match=r"model\.json"):
        read_card(written(tmp_path, **changes))


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="cannot be read"):
        read_card(tmp_path)


def test_a_file_that_was_altered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"graph")
    digest = hashlib.sha256(b"graph").hexdigest()
    assert read_described(path, sha256=digest) == b"graph"

    path.write_bytes(b"grape")

    with pytest.raises(ModelInvalid, match="not the file that its card describes"):
        read_described(path, sha256=digest)
