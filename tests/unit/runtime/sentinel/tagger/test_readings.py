"""Labels of tokens become whole words of the text."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.sentinel.tagger.card import Card
from runtime.sentinel.tagger.readings import Focus, focus_on, readings, tokens_of

CARD = Card(
    labels=(("", False), ("person", True), ("person", False), ("place", True), ("place", False)),
    threshold=0.5,
    neighbour_threshold=0.5,
    window=32,
    begin=1,
    end=2,
    inputs={},
    scores="scores",
    sentence="",
    files={},
)
ALL = focus_on(CARD, CARD.kinds)
TEXT = "Ask Ann Smithson, Paris"
OFFSETS = [(0, 3), (4, 7), (8, 13), (13, 16), (16, 17), (18, 23)]
Row = dict[int, float]


def chances(*rows: Row) -> np.ndarray:
    made = np.zeros((len(rows), len(CARD.labels)))
    for at, row in enumerate(rows):
        for label, chance in row.items():
            made[at, label] = chance
        made[at, 0] += 1 - made[at].sum()
    return made


def found(*rows: Row, card: Card = CARD, focus: Focus = ALL) -> list[tuple[str, str]]:
    tokens = tokens_of(OFFSETS, chances(*rows), card, focus)
    return [(TEXT[item.start : item.end], item.kind) for item in readings(TEXT, tokens)]


def test_a_name_of_several_tokens_is_one_span() -> None:
    rows: tuple[Row, ...] = ({}, {1: 0.9}, {2: 0.9}, {2: 0.9}, {}, {3: 0.9})
    assert found(*rows) == [("Ann Smithson", "person"), ("Paris", "place")]


def test_one_piece_of_a_word_takes_the_whole_word_with_it() -> None:
    assert found({}, {}, {}, {2: 0.9}, {}, {}) == [("Smithson", "person")]


def test_pieces_of_one_word_with_different_kinds_are_one_span() -> None:
    assert found({}, {}, {1: 0.9}, {3: 0.9}, {}, {}) == [("Smithson", "person")]


def test_two_beginnings_are_two_spans() -> None:
    assert found({}, {1: 0.9}, {1: 0.9}, {2: 0.9}, {}, {}) == [
        ("Ann", "person"),
        ("Smithson", "person"),
    ]


def test_doubt_between_kinds_counts_as_sensitive() -> None:
    """Neither kind has half of the chance, but together they have."""
    strict = replace(CARD, threshold=0.6, neighbour_threshold=0.6)
    assert found({}, {1: 0.3, 3: 0.25}, {}, {}, {}, {}) == [("Ann", "person")]
    assert found({}, {1: 0.3, 3: 0.25}, {}, {}, {}, {}, card=strict) == []


def test_a_kind_that_is_not_looked_for_does_not_hide_one_that_is() -> None:
    rows: tuple[Row, ...] = ({}, {}, {1: 0.55, 3: 0.4}, {1: 0.4, 3: 0.55}, {}, {3: 0.9})
    people = focus_on(CARD, {"person"})
    assert found(*rows, focus=people) == [("Smithson", "person")]


def test_what_may_be_either_is_the_weightier_kind() -> None:
    card = replace(CARD, threshold=0.3, neighbour_threshold=0.3)
    rows: tuple[Row, ...] = ({}, {1: 0.35, 3: 0.6}, {}, {}, {}, {1: 0.2, 3: 0.7})
    focus = focus_on(card, card.kinds, lighter={"place"})
    assert found(*rows, card=card, focus=focus) == [("Ann", "person"), ("Paris", "place")]


def test_the_weightier_kind_of_a_piece_has_the_word() -> None:
    rows: tuple[Row, ...] = ({}, {}, {3: 0.9}, {1: 0.9}, {}, {})
    focus = focus_on(CARD, CARD.kinds, lighter={"place"})
    assert found(*rows, focus=focus) == [("Smithson", "person")]
    assert found(*rows) == [("Smithson", "place")]


def test_beside_a_sure_token_less_is_enough() -> None:
    card = replace(CARD, neighbour_threshold=0.2)
    assert found({}, {1: 0.9}, {2: 0.3}, {}, {}, {3: 0.3}, card=card) == [
        ("Ann Smithson", "person")
    ]


def test_marks_at_the_ends_of_a_span_are_not_part_of_it() -> None:
    assert found({}, {}, {}, {}, {2: 0.9}, {4: 0.9}) == [("Paris", "place")]


def test_marks_alone_are_no_span() -> None:
    assert found({}, {}, {}, {}, {2: 0.9}, {}) == []


def test_marks_without_a_blank_join_even_two_beginnings() -> None:
    text, offsets = "3/4", [(0, 1), (1, 2), (2, 3)]
    tokens = tokens_of(offsets, chances({1: 0.9}, {}, {1: 0.9}), CARD, ALL)
    assert [(item.start, item.end) for item in readings(text, tokens)] == [(0, 3)]


def test_the_surest_token_gives_the_score() -> None:
    rows: tuple[Row, ...] = ({}, {1: 0.6}, {2: 0.8}, {2: 0.7}, {}, {})
    tokens = tokens_of(OFFSETS, chances(*rows), CARD, ALL)

    (item,) = readings(TEXT, tokens)

    assert (item.start, item.end, item.kind) == (4, 16, "person")
    assert item.score == pytest.approx(0.8)
