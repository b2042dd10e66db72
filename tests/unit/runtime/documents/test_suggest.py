"""Suggestions for misspelt names."""

from runtime.documents.suggest import did_you_mean, listed


def test_a_close_name_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("asistant", ["assistant", "fuser"]) == '; did you mean "assistant"?'
    assert did_you_mean("zzz", ["assistant", "fuser"]) == ""


def test_a_long_list_is_cut_with_a_count() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcdef", at_most=3) == "a, b, c and 3 more"
