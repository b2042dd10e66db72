"""Where sentences end, and which tokens are judged together."""

import re

import pytest

from runtime.sentinel.tagger.segments import parts_in, segments_of, weights_of
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


def test_a_window_judges_its_own_part_of_a_segment_alone() -> None:
    window = Window(start=2, end=8, first=4, last=8)

    assert parts_in([(0, 4), (4, 5), (5, 10), (10, 12)], window) == [(4, 5), (5, 8)]


def test_the_tokens_of_a_part_count_alike_and_marks_do_not() -> None:
    window = Window(start=2, end=8, first=4, last=8)

    assert weights_of([(4, 5), (5, 8)], window).tolist() == [
        [0, 0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, *[pytest.approx(1 / 3)] * 3, 0],
    ]
