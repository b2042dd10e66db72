"""Reading recorded answers."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.replay.matrix import load_matrix, matrix_from_data
from runtime.errors import ConfigInvalid

SMALL = {
    "question_ids": ["a", "b", "c"],
    "gold": [1, "x", 2.0],
    "answers": {"one": [1, "x", 2], "two": [None, "y", 3.5]},
}
ANSWER = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["x", "y"]), st.floats(-2, 2))


def test_an_answer_is_right_when_it_equals_gold_and_null_is_empty() -> None:
    matrix = matrix_from_data(SMALL)

    assert matrix.right.tolist() == [[True, True, True], [False, False, False]]
    assert matrix.codes[1, 0] == -1


@given(st.lists(st.tuples(ANSWER, ANSWER, ANSWER), min_size=1, max_size=20))
def test_codes_are_equal_exactly_where_answers_are(columns) -> None:
    rows = list(zip(*columns, strict=True))
    data = {
        "question_ids": [str(one) for one in range(len(columns))],
        "gold": [0] * len(columns),
        "answers": {str(name): list(row) for name, row in enumerate(rows)},
    }

    codes = matrix_from_data(data).codes

    for question in range(len(columns)):
        for left in range(3):
            for right in range(3):
                both = rows[left][question], rows[right][question]
                is_equal = None not in both and both[0] == both[1]
                same = codes[left, question] == codes[right, question] >= 0
                assert bool(same) == is_equal


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gold": [1]}, "gold: has 1 entries for 3"),
        ({"question_ids": []}, "question_ids: needs at least one"),
        ({"question_ids": ["a", "a", "b"]}, "twice"),
        ({"answers": {}}, "answers: must map"),
        ({"answers": {"one": [1, 2]}}, r"answers\.one: has 2 entries"),
        ({"answers": {"one": [1, [2], 3]}}, "must be text, a number or null"),
        ({"cost_usd": {"one": [1, "much", 3]}}, r"cost_usd\.one: must hold numbers"),
        ({"latency_s": 4}, "latency_s: must map"),
    ],
)
def test_a_wrong_form_is_refused_by_field(change, words) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        matrix_from_data(SMALL | change)


def test_a_file_is_read_with_its_checksum(tmp_path) -> None:
    path = tmp_path / "matrix.json.gz"
    path.write_bytes(gzip.compress(json.dumps(SMALL).encode()))

    matrix = load_matrix(path)

    assert matrix.models == ("one", "two")
    assert len(matrix.sha256) == 64


@pytest.mark.parametrize(
    "content", [b"", b"plain", gzip.compress(b"{", mtime=0), gzip.compress(b"[1]", mtime=0)]
)
def test_a_file_that_is_no_matrix_is_refused(tmp_path, content) -> None:
    path = tmp_path / "matrix.json.gz"
    path.write_bytes(content)

    with pytest.raises(ConfigInvalid):
        load_matrix(path)


def test_a_truncated_file_is_refused(tmp_path) -> None:
    path = tmp_path / "matrix.json.gz"
    path.write_bytes(gzip.compress(json.dumps(SMALL).encode())[:-6])

    with pytest.raises(ConfigInvalid, match="not a whole gzip file"):
        load_matrix(path)


def test_a_misspelt_model_gets_a_suggestion() -> None:
    with pytest.raises(ConfigInvalid, match='did you mean "two"'):
        matrix_from_data(SMALL).rows_of(["twoo"])
