"""The mirror of a context's cells agrees with a plain model of them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.cells import CellBook

CELLS = 1000
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, 5), st.integers(0, 9)),
        st.tuples(st.just("share"), st.integers(0, 5), st.integers(0, 20)),
        st.tuples(st.just("cut"), st.integers(0, 5), st.integers(0, 20)),
        st.tuples(st.just("drop"), st.integers(0, 5), st.just(0)),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_cells_are_counted_once_however_many_share_them(actions: list[tuple[Any, ...]]) -> None:
    book, fresh = CellBook(CELLS), iter(range(CELLS))
    held: dict[int, list[int]] = {}
    for action, sequence, amount in actions:
        if action == "grow":
            book.grow(sequence, amount)
            held.setdefault(sequence, []).extend(next(fresh) for _ in range(amount))
        elif action == "cut":
            if sequence in held:
                book.cut(sequence, amount)
                held[sequence] = held[sequence][:amount]
        elif action == "drop":
            book.drop(sequence)
            held.pop(sequence, None)
        elif sequence in held and not held.get(sequence + 1):
            book.share(sequence, sequence + 1, amount)
            held[sequence + 1] = held[sequence][:amount]

    assert book.free == CELLS - len(set().union(*held.values()))
    assert [book.length(one) for one in range(7)] == [len(held.get(one, [])) for one in range(7)]
    some = [1, 2, 3]
    assert book.held_by(some) == len(set().union(*(held.get(one, []) for one in some)))
