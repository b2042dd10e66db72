"""What the tokeniser drops comes back as a number per token."""

from runtime.sentinel.tagger.shapes import SHAPES, shapes_of

TEXT = "Ask ANN\nMcLeod's x.y"
OFFSETS = [(0, 3), (4, 7), (8, 10), (10, 14), (14, 15), (15, 16), (17, 18), (18, 19), (19, 20)]
LINE, GLUED = 1, 2


def test_a_shape_says_how_the_word_is_written_and_what_stands_before_it() -> None:
    shapes = shapes_of(TEXT, OFFSETS)

    cases = [shape // 3 for shape in shapes]
    gaps = [shape % 3 for shape in shapes]
    assert cases == [1, 2, 2, 2, 2, 0, 0, 0, 0]
    assert gaps == [LINE, 0, LINE, GLUED, GLUED, GLUED, 0, GLUED, GLUED]
    assert max(shapes) < SHAPES


def test_an_empty_token_has_shape_nought() -> None:
    assert shapes_of("Ann", [(0, 0), (0, 3), (0, 0)]) == [0, 4, 0]
