"""The shipped model as it is: what it finds, at which places, and how it fails."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import ModelInvalid
from runtime.sentinel.embedding import load_encoder
from runtime.sentinel.tagger.model import BUILT_IN, SentinelModel

MOST_BYTES = 23_000_000
FILLER = "The pump stops after ten minutes and nobody in the workshop knows why that happens. "


@pytest.fixture(scope="module")
def model() -> SentinelModel:
    return SentinelModel(BUILT_IN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUILT_IN, tmp_path / "model"))


def found(model: SentinelModel, text: str) -> dict[str, str]:
    return {text[item.start : item.end]: item.kind for item in model.read(text)}


def with_card(folder: Path, **changes: object) -> Path:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.mark.parametrize(
    ("text", "part", "kind"),
    [
        ("did you tell Oluwaseun Adebayo that we moved?", "Oluwaseun Adebayo", "person"),
        ("bitte ruf Annegret zurück", "Annegret", "person"),
        ("i live at 14 harcourt terrace, flat 3", "14 harcourt terrace, flat 3", "address"),
        ("I have worked for Plinth Robotics since May.", "Plinth Robotics", "organization"),
        ("She grew up in Ouagadougou.", "Ouagadougou", "place"),
        ("Staff ID: 0481-QX", "0481-QX", "record_number"),
        ("ping db-prod-07.internal.example.net first", "db-prod-07.internal.example.net", "host"),
        ("He was admitted on 3 May 2024.", "3 May 2024", "date"),
    ],
)
def test_what_only_context_tells_is_found(
    model: SentinelModel, text: str, part: str, kind: str
) -> None:
    assert found(model, text).get(part) == kind


@pytest.mark.parametrize(
    "text",
    [
        "How do I reverse a linked list in Rust?",
        "Explain the difference between TCP and UDP in three sentences.",
        "The test failed because the Redis container was not ready in time.",
        "Write a polite reminder that the invoice is due.",
        "for row in rows:\n    total += row.amount * rate",
        "What is the recommended tyre pressure for a loaded van?",
        "A dragon, a baker and a lighthouse keeper walk into a bakery.",
    ],
)
def test_ordinary_requests_hold_nothing(model: SentinelModel, text: str) -> None:
    assert found(model, text) == {}


@pytest.mark.parametrize("before", range(0, 40, 3))
def test_a_name_is_found_wherever_windows_end(model: SentinelModel, before: int) -> None:
    words = (FILLER * 8).split()
    text = " ".join([*words[: 70 + before], "said Oluwaseun Adebayo and", *words])

    start = text.index("Oluwaseun")
    covered = {at for item in model.read(text) for at in range(item.start, item.end)}
    assert set(range(start, start + len("Oluwaseun Adebayo"))) - {start + 9} <= covered


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "🙂", "́"])
def test_a_text_of_nothing_holds_nothing(model: SentinelModel, text: str) -> None:
    assert model.read(text) == []


def test_threads_read_the_same(model: SentinelModel) -> None:
    text = FILLER + "Ask Oluwaseun Adebayo in Ouagadougou."
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: model.read(text), range(8)))

    assert answers == [model.read(text)] * 8


PARAPHRASES = [
    ("How can I reset my password?", "What do I do to get a new password?"),
    ("The rain in spring makes the river rise.", "Spring rainfall swells the river."),
    ("Which vaccines does a puppy need?", "What shots should a young dog get?"),
    ("Book a table for four tonight.", "Reserve us dinner this evening, four people."),
    ("The invoice was paid twice.", "We transferred the bill's amount two times."),
    ("How do I sort a list in Python?", "Python: put the elements of an array in order"),
]


def test_of_several_sentences_the_paraphrase_is_nearest(model: SentinelModel) -> None:
    asked = np.array(load_encoder().embed([one for one, _ in PARAPHRASES]))
    again = np.array(model.embed([other for _, other in PARAPHRASES]))

    near = asked @ again.T
    assert (near.argmax(1) == np.arange(len(PARAPHRASES))).all()
    assert near.diagonal().min() > 0.45 > 0.35 > near[~np.eye(len(near), dtype=bool)].max()
    assert np.linalg.norm(asked, axis=1) == pytest.approx(1.0, abs=1e-3)


def test_the_shipped_files_are_small() -> None:
    assert sum(path.stat().st_size for path in BUILT_IN.iterdir()) <= MOST_BYTES


def test_a_card_gives_labels_other_names(folder: Path) -> None:
    model = SentinelModel(with_card(folder, kinds={"person": "staff", "place": ""}))

    assert "staff" in model.kinds
    assert "place" not in model.kinds
    assert found(model, "Oluwaseun Adebayo grew up in Ouagadougou.") == {
        "Oluwaseun Adebayo": "staff"
    }


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "model.json"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelInvalid, match=f"{name} cannot be read"):
        SentinelModel(folder)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_an_altered_file_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelInvalid, match=f"{name} is not the file"):
        SentinelModel(folder)


def test_a_card_with_fewer_labels_than_the_graph_is_refused(folder: Path) -> None:
    labels = json.loads((folder / "model.json").read_text())["labels"]
    with pytest.raises(ModelInvalid, match="fit neither text nor card"):
        SentinelModel(with_card(folder, labels=labels[:-1]))


def test_scores_that_are_no_numbers_are_a_failure_and_no_clean_text(model: SentinelModel) -> None:
    class NoNumbers:
        def run(self, *_: object) -> list[np.ndarray]:
            labels = np.full((1, 3, len(model._card.labels)), np.nan, np.float32)
            return [labels, np.zeros((1, 1, len(model._card.topics)), np.float32)]

    broken = copy(model)
    broken._session = NoNumbers()
    with pytest.raises(ModelInvalid, match="fit neither text nor card"):
        broken.read("Ann")


def test_a_card_of_another_graph_is_refused(folder: Path) -> None:
    inputs = {"tokens": "input_ids", "segments": "segments"}
    with pytest.raises(ModelInvalid, match="names other inputs and outputs"):
        SentinelModel(with_card(folder, inputs=inputs))


def test_marking_words_does_not_compute_the_vector(model: SentinelModel) -> None:
    """The vector has six layers of its own; in every scan they would cost more than the scan."""
    words = (FILLER * 2).split()[:24]
    ids = np.full((1, len(words)), 2023)
    given = {
        "tokens": ids,
        "shapes": np.zeros_like(ids),
        "segments": np.zeros((1, 1, len(words)), np.float32),
    }

    def vector(*, is_wanted: bool) -> np.ndarray:
        feed = given | {"wants_vector": np.array(is_wanted)}
        return np.asarray(model._session.run(["sentence_vector"], feed)[0])

    assert not vector(is_wanted=False).any()
    assert vector(is_wanted=True).any()
