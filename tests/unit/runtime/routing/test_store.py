"""A predictor comes back from its folder as it was; what was altered is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from optimizer.routing.fit import fit_predictor
from runtime.errors import ModelInvalid
from runtime.routing.form import FORM_NAMES
from runtime.routing.predictor import Predictor
from runtime.routing.store import BUILT_IN, read_predictor, write_predictor

ROWS = 120


def made() -> tuple[Predictor, "np.ndarray[tuple[int, int], np.dtype[np.float32]]"]:
    generator = np.random.default_rng(3)
    features = generator.random((ROWS, len(FORM_NAMES))).astype(np.float32)
    right = np.stack([features[:, 0] > 0.7, features[:, 1] > 0.2], axis=1)
    groups = [str(at % 8) for at in range(ROWS)]
    return fit_predictor(("near", "far"), features, right, groups, trees=5), features


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_predictor(tmp_path / "router", made()[0], learned_from={"table": "made up"})
    return tmp_path / "router"


def test_round_trip(folder: Path) -> None:
    predictor, features = made()
    back = read_predictor(folder)
    assert back.models == ("near", "far")
    found, expected = back.predict_features(features), predictor.predict_features(features)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_same_predictor_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_predictor(tmp_path / "again", made()[0], learned_from={"table": "made up"})
    for name in ("router.npz", "router.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_an_altered_file_is_refused(folder: Path) -> None:
    numbers = folder / "router.npz"
    content = bytearray(numbers.read_bytes())
    content[len(content) // 2] ^= 1
    numbers.write_bytes(content)
    with pytest.raises(ModelInvalid, match="not the file that its card describes"):
        read_predictor(folder)


def test_a_card_of_other_features_is_refused(folder: Path) -> None:
    card = json.loads((folder / "router.json").read_text())
    card["features"] = card["features"][1:]
    (folder / "router.json").write_text(json.dumps(card))
    with pytest.raises(ModelInvalid, match="another version"):
        read_predictor(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="cannot be read"):
        read_predictor(tmp_path / "nowhere")


def test_the_shipped_predictor_is_small_and_tells_a_slip_of_the_pen_from_a_hard_case() -> None:
    assert sum(file.stat().st_size for file in BUILT_IN.iterdir()) < 2_000_000
    easy = "What is the capital of France?\nA. Paris\nB. Rome\nC. Oslo\nD. Bern\nAnswer:"
    hard = (
        "Statement 1 | Linear regression has a closed form. Statement 2 | So has logistic"
        " regression.\nA. True, True\nB. False, False\nC. True, False\nD. False, True\nAnswer:"
    )
    (easy_weak, easy_strong), (hard_weak, hard_strong) = read_predictor().predict([easy, hard])
    assert hard_strong - hard_weak > easy_strong - easy_weak
    assert easy_weak > hard_weak
