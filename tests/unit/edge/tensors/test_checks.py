"""What is accepted has exactly the values that its shape says; everything else is a sentence."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.tensors.checks import check_inputs
from edge.tensors.contents import FIELDS, data_of
from edge.tensors.tensor import BYTES, WIDTHS, Tensor, TensorFacts, elements_of, packed
from runtime.errors import RequestInvalid

FREE = TensorFacts("x", BYTES, (-1,))
NUMBERS = {
    "INT8": st.integers(-(1 << 7), (1 << 7) - 1),
    "INT16": st.integers(-(1 << 15), (1 << 15) - 1),
    "INT32": st.integers(-(1 << 31), (1 << 31) - 1),
    "INT64": st.integers(-(1 << 63), (1 << 63) - 1),
    "UINT8": st.integers(0, (1 << 8) - 1),
    "UINT16": st.integers(0, (1 << 16) - 1),
    "UINT32": st.integers(0, (1 << 32) - 1),
    "UINT64": st.integers(0, (1 << 64) - 1),
    "FP32": st.floats(width=32, allow_nan=False),
    "FP64": st.floats(allow_nan=False),
    "BOOL": st.booleans(),
}
CODES = {
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H",
    "UINT32": "I", "UINT64": "Q", "FP32": "f", "FP64": "d", "BOOL": "?",
}  # fmt: skip


@given(st.sampled_from(sorted(NUMBERS)), st.data())
def test_typed_numbers_become_the_bytes_of_the_protocol(datatype: str, data: st.DataObject) -> None:
    values: list[Any] = data.draw(st.lists(NUMBERS[datatype], min_size=1, max_size=5))

    found = data_of(datatype, {FIELDS[datatype]: values}, name="x")

    assert found == struct.pack(f"<{len(values)}{CODES[datatype]}", *values)
    facts = TensorFacts("x", datatype, (-1,))
    check_inputs([Tensor("x", datatype, (len(values),), found)], [facts])


@given(st.lists(st.text(max_size=5).map(lambda text: text.encode("utf-8", "replace")), max_size=5))
def test_strings_come_back_as_they_went(values: list[bytes]) -> None:
    data = packed(values)

    assert list(elements_of(data)) == values
    check_inputs([Tensor("x", BYTES, (len(values),), data)], [FREE])


@given(st.binary(max_size=40), st.integers(0, 6))
def test_any_bytes_are_so_many_strings_or_refused(data: bytes, count: int) -> None:
    tensor = Tensor("x", BYTES, (count,), data)

    try:
        check_inputs([tensor], [FREE])
    except RequestInvalid:
        return
    assert [element.decode() for element in elements_of(data)]  == [
        element.decode() for element in elements_of(packed(list(elements_of(data))))
    ]  # fmt: skip
    assert len(list(elements_of(data))) == count


@given(
    st.sampled_from(sorted(WIDTHS)),
    st.lists(st.integers(-1, 3), max_size=3),
    st.lists(st.integers(-1, 3), max_size=3),
    st.integers(0, 64),
)
def test_what_passes_has_the_shape_and_the_size(
    datatype: str, takes: list[int], shape: list[int], size: int
) -> None:
    tensor = Tensor("x", datatype, tuple(shape), bytes(size))

    try:
        check_inputs([tensor], [TensorFacts("x", datatype, tuple(takes))])
    except RequestInvalid:
        return
    assert len(shape) == len(takes)
    assert all(want in (-1, have) and have >= 0 for want, have in zip(takes, shape, strict=True))
    assert size == tensor.count * WIDTHS[datatype]


@pytest.mark.parametrize(
    ("datatype", "contents", "reason"),
    [
        ("FP16", {}, "raw contents only"),
        ("secret", {}, "raw contents only"),
        ("INT8", {"int_contents": [128]}, "outside of what INT8 holds"),
        ("UINT8", {"uint_contents": [256]}, "outside of what UINT8 holds"),
        ("FP32", {"fp64_contents": [1.0]}, "belong into fp32_contents alone"),
        ("FP32", {"fp32_contents": [1.0], "int_contents": [1]}, "belong into fp32_contents alone"),
    ],
)
def test_values_in_the_wrong_place_are_refused(
    datatype: str, contents: dict[str, list[Any]], reason: str
) -> None:
    with pytest.raises(RequestInvalid, match=reason) as refusal:
        data_of(datatype, contents, name="input 1")

    assert "secret" not in str(refusal.value)


def test_strings_that_are_no_text_are_refused() -> None:
    with pytest.raises(RequestInvalid, match="not UTF-8"):
        check_inputs([Tensor("x", BYTES, (1,), packed([b"\xff"]))], [FREE])
