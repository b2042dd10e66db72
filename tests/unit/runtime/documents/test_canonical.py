"""Canonical bytes."""

import pytest

from runtime.documents.canonical import canonical_json, sha256_of


def test_key_order_does_not_count_and_list_order_does() -> None:
    assert sha256_of({"a": 1, "b": 2}) == sha256_of({"b": 2, "a": 1})
    assert sha256_of({"a": [1, 2]}) != sha256_of({"a": [2, 1]})


def test_the_bytes_are_fixed() -> None:
    assert (
        canonical_json({"b": [True, None, 0.5], "a": "é"})
        == '{"a":"é","b":[true,null,0.5]}'.encode()
    )


def test_a_number_that_json_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("inf"))
