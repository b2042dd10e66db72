"""Kept prefixes: the longest of the same caller, never another's, the oldest goes first."""

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.prefixes import KeptPrefixes, common_length, tokens_of

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=8)
MOST = 3


def plain_common(one: list[int], other: list[int]) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


@given(TOKENS, TOKENS)
def test_the_common_beginning_is_counted(one: list[int], other: list[int]) -> None:
    assert common_length(tokens_of(one), tokens_of(other)) == plain_common(one, other)


@given(st.lists(st.tuples(st.sampled_from("ab"), TOKENS), max_size=20), TOKENS)
def test_a_caller_gets_the_best_of_its_own_and_every_number_comes_back_once(
    finished: list[tuple[str, list[int]]], prompt: list[int]
) -> None:
    prefixes = KeptPrefixes(MOST)
    kept: dict[int, tuple[str, list[int]]] = {}
    for number, (caller, tokens) in enumerate(finished):
        kept[number] = (caller, tokens)
        for gone in prefixes.keep(number, caller, tokens_of(tokens)):
            del kept[gone]  # a number that comes back twice, or that never came, fails here
        assert len(prefixes) == len(kept) <= MOST

    for caller in "ab":
        number, length = prefixes.best(caller, tokens_of(prompt))
        own = [plain_common(tokens, prompt) for who, tokens in kept.values() if who == caller]
        assert length == max(own, default=0)
        if length:
            assert kept[number][0] == caller
            assert plain_common(kept[number][1], prompt) == length
    assert prefixes.best("c", tokens_of(prompt)) == (-1, 0)


def test_what_another_one_contains_is_not_kept_twice() -> None:
    prefixes = KeptPrefixes(MOST)
    assert prefixes.keep(1, "a", tokens_of([1, 2])) == []

    assert prefixes.keep(2, "a", tokens_of([1, 2, 3])) == [1]
    assert prefixes.keep(3, "a", tokens_of([1, 2])) == [3]
    assert prefixes.keep(4, "b", tokens_of([1, 2])) == []


def test_the_least_recently_used_goes_first() -> None:
    prefixes = KeptPrefixes(MOST)
    for number in range(MOST):
        prefixes.keep(number, "a", tokens_of([number]))
    prefixes.best("a", tokens_of([0]))

    assert prefixes.keep(9, "a", tokens_of([9])) == [1]
    assert [prefixes.drop_oldest() for _ in range(4)] == [2, 0, 9, None]
