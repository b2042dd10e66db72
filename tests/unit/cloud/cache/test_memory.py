"""Kept answers never take more than they may, never live longer, and stay with their tenant."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cloud.cache.memory import AnswerMemory

MAX_BYTES = 100
TTL_S = 10.0


@dataclass(frozen=True)
class Kept:
    size_bytes: int
    owner: str = ""


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["keep", "recall", "wait"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([b"1", b"2", b"3"]),
        st.integers(1, 120),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_is_done_the_bounds_hold(steps: list[tuple[str, str, bytes, int]]) -> None:
    memory: AnswerMemory[Kept] = AnswerMemory(max_bytes=MAX_BYTES, ttl_s=TTL_S)
    written: dict[tuple[str, bytes], tuple[Kept, float]] = {}
    now_s = 0.0

    for verb, tenant, name, amount in steps:
        if verb == "keep":
            kept = Kept(amount, tenant)
            memory.keep(tenant, name, kept, now_s=now_s)
            written[tenant, name] = (kept, now_s)
        elif verb == "wait":
            now_s += amount / 10
        else:
            found = memory.recall(tenant, name, now_s=now_s)
            if found is not None:
                assert (found, True) == (
                    written[tenant, name][0],
                    now_s < written[tenant, name][1] + TTL_S,
                )
        assert 0 <= memory.size_bytes <= MAX_BYTES
        assert (memory.size_bytes == 0) == (len(memory) == 0)


def test_the_least_recently_used_goes_first() -> None:
    memory: AnswerMemory[Kept] = AnswerMemory(max_bytes=MAX_BYTES, ttl_s=TTL_S)
    memory.keep("a", b"1", Kept(50), now_s=0)
    memory.keep("a", b"2", Kept(50), now_s=0)
    memory.recall("a", b"1", now_s=1)

    memory.keep("a", b"3", Kept(50), now_s=1)

    assert memory.recall("a", b"2", now_s=1) is None
    assert memory.recall("a", b"1", now_s=1) is not None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_a_tenant_cannot_push_out_one_that_holds_less(sizes: list[int]) -> None:
    memory: AnswerMemory[Kept] = AnswerMemory(max_bytes=MAX_BYTES, ttl_s=TTL_S)
    memory.keep("small", b"mine", Kept(30), now_s=0)

    for number, size in enumerate(sizes):
        memory.keep("greedy", number.to_bytes(2, "big"), Kept(size), now_s=0)

    assert memory.recall("small", b"mine", now_s=0) is not None


def test_an_answer_kept_again_lives_anew_and_is_counted_once() -> None:
    memory: AnswerMemory[Kept] = AnswerMemory(max_bytes=MAX_BYTES, ttl_s=TTL_S)
    memory.keep("a", b"1", Kept(50), now_s=0)
    memory.keep("a", b"1", Kept(60), now_s=5)

    assert memory.size_bytes == 60
    assert memory.recall("a", b"1", now_s=12) == Kept(60)
    assert memory.recall("a", b"1", now_s=15) is None
    assert memory.size_bytes == 0
