"""Files of labelled examples: what a gate reads from them and what it refuses."""

import json
from pathlib import Path

import pytest

from edge.capture.gate import GateResult
from edge.capture.labelled import read_labelled
from runtime.errors import DocumentInvalid
from runtime.ids import RequestId

TURNS = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "Answer: 2"}]


def written(folder: Path, *lines: object) -> Path:
    file = folder / "data.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def test_what_was_judged_wrong_is_left_out(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {"messages": TURNS, "verdict": "right", "request_id": "r", "categories": ["person"]},
        {"messages": TURNS, "verdict": "wrong"},
        {"messages": TURNS},
    )

    first, second = read_labelled(file)

    assert (first.request, first.categories, first.answer) == ("r", ("person",), "Answer: 2")
    assert [turn.content for turn in first.messages] == ["1 + 1?"]
    assert second.request == "line-3"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"messages": TURNS[:1]}, "is no example"),
        ({"messages": TURNS[::-1]}, "is no example"),
        ({"messages": [{"role": "user", "content": 3}, TURNS[1]]}, "is no example"),
        ([], "is no example"),
        ({"messages": TURNS, "verdict": "wrong"}, "holds no example"),
    ],
)
def test_what_is_no_example_is_refused_by_its_line(
    tmp_path: Path, line: object, reason: str
) -> None:
    with pytest.raises(DocumentInvalid, match=reason):
        read_labelled(written(tmp_path, line))


def result(examples: int, lost: int, gained: int) -> GateResult:
    names = tuple(RequestId(str(number)) for number in range(lost))
    return GateResult(examples, examples - lost, examples - gained, names, gained)


def test_few_examples_prove_little_and_many_prove_much() -> None:
    assert result(10, 0, 0).most_loss(0.95) > 0.3
    assert result(500, 0, 0).most_loss(0.95) < 0.01
    assert result(500, 50, 50).most_loss(0.95) < result(500, 50, 0).most_loss(0.95)


def test_the_loss_that_is_there_is_within_the_bound() -> None:
    assert result(200, 40, 10).most_loss(0.95) > 30 / 200
