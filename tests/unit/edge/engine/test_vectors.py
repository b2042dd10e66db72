"""Vectors from a child process are taken as they were sent, or not at all."""

import array
import base64
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.frames import Embedded
from edge.engine.vectors import vectors_of
from runtime.errors import EngineCrashed

SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


def packed(*values: float) -> str:
    return base64.b64encode(array.array("f", values).tobytes()).decode()


@given(st.integers(1, 5).flatmap(
    lambda size: st.lists(st.lists(SINGLES, min_size=size, max_size=size), min_size=1, max_size=4)
))  # fmt: skip
def test_vectors_come_back_as_they_were_sent(vectors: list[list[float]]) -> None:
    embedded = Embedded(1, tuple(packed(*vector) for vector in vectors), 9)

    assert vectors_of(embedded, texts=len(vectors)) == vectors


@pytest.mark.parametrize(
    "vectors",
    [
        (),
        (packed(1.0), packed(1.0)),
        ("AAA=",),
        ("not base64",),
        (packed(math.nan),),
        (packed(math.inf),),
    ],
)
def test_what_is_no_vector_is_a_crash(vectors: tuple[str, ...]) -> None:
    with pytest.raises(EngineCrashed):
        vectors_of(Embedded(1, vectors, 9), texts=1)


def test_vectors_of_different_size_are_a_crash() -> None:
    with pytest.raises(EngineCrashed):
        vectors_of(Embedded(1, (packed(1.0), packed(1.0, 2.0)), 9), texts=2)
