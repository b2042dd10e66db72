"""Plain values cross unchanged; everything else is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.scoring.sandbox.wire import (
    CannotCross,
    decode,
    decode_json,
    encode,
    read_line,
    to_line,
)

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
)
HASHABLE = st.recursive(ATOMS, lambda one: st.tuples(one, one) | st.frozensets(one), max_leaves=5)
VALUES = st.recursive(
    HASHABLE,
    lambda one: st.lists(one) | st.dictionaries(HASHABLE, one) | st.sets(HASHABLE),
    max_leaves=10,
)


class Sly(int):
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@settings(max_examples=40)
@given(VALUES)
def test_plain_values_cross_unchanged(value: Any) -> None:
    there = json.loads(json.dumps(encode(value)))

    assert repr(decode(there)) == repr(value) or decode(there) == value


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_what_json_holds_is_read_without_hashing(value: Any) -> None:
    assert decode_json(encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [object(), Sly(1), lambda: 1, [[iter([])]], pytest.param(1 << 20_000, id="many digits")],
)
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(CannotCross):
        encode(value)


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(CannotCross):
        encode(value)


@pytest.mark.parametrize(
    "form", [{"float": "x"}, {"a": 1, "b": 2}, {}, {"set": [[1]]}, {"object": 1}, {"tuple": 3}]
)
def test_forms_that_nobody_agreed_on_are_refused(form: Any) -> None:
    with pytest.raises(CannotCross):
        decode(form)


@pytest.mark.parametrize("form", [{"set": [1]}, {"dict": [[1, 2]]}, {"bytes": "00"}])
def test_what_json_does_not_hold_is_refused_outside(form: Any) -> None:
    with pytest.raises(CannotCross):
        decode_json(form)


def test_not_a_number_crosses() -> None:
    assert math.isnan(decode(encode(math.nan)))


@pytest.mark.parametrize("line", [b"{", b"[1]", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_lines_that_hold_no_message_are_refused(line: bytes) -> None:
    with pytest.raises(CannotCross):
        read_line(line)


def test_a_message_that_is_too_long_is_refused() -> None:
    with pytest.raises(CannotCross):
        to_line({"text": "x" * 2**20})
