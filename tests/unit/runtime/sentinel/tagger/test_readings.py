"""Labels of tokens become whole words of the text."""

import numpy as np
import pytest

from runtime.sentinel.tagger.readings import Reading, readings, tokens_of

LABELS = ("O", "B-person", "I-person", "B-place", "I-place")
TEXT = "Ask Ann Smithson, Paris"
OFFSETS = [(0, 3), (4, 7), (8, 13), (13, 16), (16, 17), (18, 23)]


def chances(*rows: dict[int, float]) -> np.ndarray:
    made = np.zeros((len(rows), len(LABELS)))
    for at, row in enumerate(rows):
        for label, chance in row.items():
            made[at, label] = chance
        made[at, 0] += 1 - made[at].sum()
    return made


def found(*rows: dict[int, float], threshold: float = 0.5) -> list[tuple[str, str]]:
    tokens = tokens_of(OFFSETS, chances(*rows), LABELS, threshold)
    return [(TEXT[item.start : item.end], item.kind) for item in readings(TEXT, tokens)]


def test_a_name_of_several_tokens_is_one_span() -> None:
    rows = ({}, {1: 0.9}, {2: 0.9}, {2: 0.9}, {}, {3: 0.9})
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
    assert found({}, {1: 0.3, 3: 0.25}, {}, {}, {}, {}) == [("Ann", "person")]
    assert found({}, {1: 0.3, 3: 0.25}, {}, {}, {}, {}, threshold=0.6) == []


def test_the_surest_token_gives_the_score() -> None:
    rows = ({}, {1: 0.6}, {2: 0.8}, {2: 0.7}, {}, {})
    tokens = tokens_of(OFFSETS, chances(*rows), LABELS, 0.5)
    assert readings(TEXT, tokens) == [Reading(4, 16, "person", pytest.approx(0.8))]
