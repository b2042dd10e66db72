"""Where sentences end, and how what their tokens say becomes one chance."""

import re

import numpy as np
import pytest

from runtime.sentinel.tagger.segments import judgements, segments_of
from runtime.sentinel.tagger.windows import Window


def offsets_of(text: str) -> list[tuple[int, int]]:
    """Return words and marks, as the tokeniser parts them."""
    return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


def sentences(text: str) -> list[str]:
    offsets = offsets_of(text)
    return [text[offsets[one][0] : offsets[two - 1][1]] for one, two in segments_of(text, offsets)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("No end", ["No end"]),
        ("She left on Monday. Nobody knows.", ["She left on Monday.", "Nobody knows."]),
        ('"Is he the one?" Yes, he is.', ['"Is he the one?"', "Yes, he is."]),
        ("Ask Dr. Novak about it. Then call.", ["Ask Dr. Novak about it.", "Then call."]),
        ("It costs 3.50 in all. Fine.", ["It costs 3.50 in all.", "Fine."]),
        ("a line that goes\non in the next", ["a line that goes\non in the next"]),
        ("one two three four\n\nfive six", ["one two three four", "five six"]),
        ("Hi. We are the only vets here.", ["Hi. We are the only vets here."]),
    ],
)
def test_a_segment_is_a_sentence_or_some_lines(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_every_token_is_in_one_segment() -> None:
    text = "A first one. A second!\n\n- a list\n- of things that are long enough to end\nhere. " * 5
    offsets = offsets_of(text)

    covered = [at for one, two in segments_of(text, offsets) for at in range(one, two)]
    assert covered == list(range(len(offsets)))


def test_what_says_most_has_most_weight_and_marks_of_other_segments_have_none() -> None:
    offsets = [(at, at + 1) for at in range(6)]
    weights = [[9.0], [0.0], [0.0], [0.0], [0.0], [0.0]]
    said = [[4.0], [-4.0], [-4.0], [-4.0], [-4.0], [-4.0]]
    scores = np.concatenate([np.array(weights), np.array(said)], axis=1)

    one, two = judgements([(0, 3), (3, 6)], offsets, Window(0, 6, 0, 6), scores)

    assert (one.start, one.end, two.start, two.end) == (0, 3, 3, 6)
    assert one.chances[0] > 0.97 > 0.03 > two.chances[0]


def test_a_window_judges_its_own_part_of_a_segment_alone() -> None:
    offsets = [(at, at + 1) for at in range(10)]
    window = Window(start=2, end=8, first=4, last=8)

    (part,) = judgements([(0, 10)], offsets, window, np.zeros((6, 4)))

    assert (part.start, part.end) == (4, 8)
    assert part.chances == (0.5, 0.5)
