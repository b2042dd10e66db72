"""Reading named outputs from answers, and which edges they fire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.executor.outputs import Value, fired_edges, holds, read_outputs
from runtime.graph.model import Comparison, Condition, Edge, Output
from runtime.ids import StepId

SCORE = Output("score", "number")
ROUTE = Output("route", "enum", ("near", "far"))
PARTS = Output("parts", "list")
A, B, C, D = StepId("a"), StepId("b"), StepId("c"), StepId("d")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"score": 0.25}', 0.25),
        ('thinking {"score": 1} no: {"score": 2, "why": {"deep": "x"}} done', 2.0),
        ('{"score": "0.5"}', 0.5),
        ("score: 7", 7.0),
        ("Score: 3\nSCORE = 4", 4.0),
        ("- **score**: 0.9 out of 1", 0.9),
        ('{"score": true}\nscore: 1e-2', 0.01),
        ('{"score": NaN}', None),
        ("score: high", None),
        ("the score is 7", None),
        ('{"score": 1', None),
        ("", None),
    ],
)
def test_numbers_are_read_from_the_last_object_or_line(text: str, value: float | None) -> None:
    assert read_outputs([SCORE], text).get("score") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"route": "FAR"}', "far"),
        ("route: `near`.", "near"),
        ("route: elsewhere", None),
        ('{"route": 3}', None),
    ],
)
def test_enums_are_read_as_the_graph_spells_them(text: str, value: str | None) -> None:
    assert read_outputs([ROUTE], text).get("route") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"parts": ["one", " two "]}', ("one", "two")),
        ('I split it: ["one", 2]', ("one", "2")),
        ("1. one\n2) two\n(3) three", ("one", "two", "three")),
        ("Parts:\n- one\n* two\n  • three", ("one", "two", "three")),
        ('{"parts": []}', ()),
        ("cannot be split", None),
    ],
)
def test_lists_are_read_from_arrays_or_bullets(text: str, value: tuple[str, ...] | None) -> None:
    assert read_outputs([PARTS], text).get("parts") == value


@given(st.text() | st.text(alphabet='{}[]":,- \n0123456789.eE\\score', max_size=400))
def test_no_text_makes_reading_fail(text: str) -> None:
    read = read_outputs([SCORE, ROUTE, PARTS], text)

    assert set(read) <= {"score", "route", "parts"}


@pytest.mark.parametrize(
    "hostile",
    ['{"a":' * 100_000, "[" * 200_000, "- " + " " * 200_000, "{" * 200_000, "9" * 200_000],
)
def test_hostile_texts_are_read_in_bounded_time(hostile: str) -> None:
    assert read_outputs([SCORE], hostile) == {}


def condition(comparison: Comparison, value: float | str, output: str = "score") -> Condition:
    return Condition(A, output, comparison, value)


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        (Comparison.LT, True, False, False),
        (Comparison.LE, True, True, False),
        (Comparison.EQ, False, True, False),
        (Comparison.NE, True, False, True),
        (Comparison.GE, False, True, True),
        (Comparison.GT, False, False, True),
    ],
)
def test_comparisons_of_numbers(
    comparison: Comparison, below: bool, equal: bool, above: bool
) -> None:
    at_one = condition(comparison, 1.0)

    assert [holds(at_one, {"score": value}) for value in (0.0, 1.0, 2.0)] == [below, equal, above]


@pytest.mark.parametrize("comparison", list(Comparison))
@pytest.mark.parametrize("values", [{}, {"score": "near"}, {"score": ("a",)}])
def test_conditions_on_missing_or_foreign_values_are_false(
    comparison: Comparison, values: dict[str, Value]
) -> None:
    assert not holds(condition(comparison, 1.0), values)


def test_enums_compare_for_equality_only() -> None:
    values: dict[str, Value] = {"route": "far"}

    met = [one for one in Comparison if holds(condition(one, "far", "route"), values)]
    differs = [one for one in Comparison if holds(condition(one, "near", "route"), values)]

    assert met == [Comparison.EQ]
    assert differs == [Comparison.NE]


def test_otherwise_fires_exactly_when_no_sibling_condition_does() -> None:
    low = Edge(A, B, when=condition(Comparison.LT, 0.3))
    high = Edge(A, C, when=condition(Comparison.GT, 0.7))
    rest = Edge(A, D, otherwise=True)
    always = Edge(A, D)
    edges = (low, high, rest, always)

    assert fired_edges(edges, {"score": 0.1}) == (low, always)
    assert fired_edges(edges, {"score": 0.9}) == (high, always)
    assert fired_edges(edges, {"score": 0.5}) == (rest, always)
    assert fired_edges(edges, {}) == (rest, always)
