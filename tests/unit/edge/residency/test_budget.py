"""Who makes room: never somebody in use, never more than it takes, the longest idle first."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.options import EngineOptions
from edge.residency.budget import MemoryBudget
from edge.residency.place import ModelPlan, Place
from runtime.errors import ModelTooLarge
from runtime.ids import ModelName

PLAN = ModelPlan(Path("model.gguf"), EngineOptions())


def place(name: str, **fields: object) -> Place:
    made = Place(ModelName(name), PLAN)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


PLACES = st.lists(
    st.builds(
        lambda loaded, size, calls, used: place(
            "other",
            is_loaded=loaded,
            memory_bytes=size if loaded else 0,
            open_calls=calls,
            last_used_s=used,
        ),
        st.booleans(),
        st.integers(1, 100),
        st.integers(0, 1),
        st.floats(0, 100),
    ),
    max_size=6,
)


@given(others=PLACES, needed=st.integers(1, 200), limit=st.integers(1, 200))
def test_room_is_made_by_as_few_of_the_longest_idle_as_it_takes(
    others: list[Place], needed: int, limit: int
) -> None:
    newcomer = place("newcomer")
    taken = sum(other.memory_bytes for other in others)
    idle = sorted((one for one in others if one.is_idle), key=lambda one: one.last_used_s)

    victims = MemoryBudget(limit, [newcomer, *others]).victims(newcomer, needed)

    if victims is None:
        assert taken - sum(one.memory_bytes for one in idle) + needed > limit
        return
    assert victims == idle[: len(victims)]
    assert taken - sum(one.memory_bytes for one in victims) + needed <= limit
    if victims:
        assert taken - sum(one.memory_bytes for one in victims[:-1]) + needed > limit


def test_without_a_budget_everything_fits() -> None:
    large = place("large", is_loaded=True, memory_bytes=1 << 50)
    budget = MemoryBudget(None, [large])

    budget.refuse_beyond(large, 1 << 60)

    assert budget.victims(place("other"), 1 << 60) == []
    assert budget.surplus() == []


def test_what_could_never_fit_is_refused_with_both_sizes() -> None:
    budget = MemoryBudget(100 << 20, [])

    with pytest.raises(ModelTooLarge, match="takes 200 MiB and `memory_budget_mib` allows 100"):
        budget.refuse_beyond(place("large"), 200 << 20)


def test_who_has_grown_beyond_the_budget_loses_the_longest_idle_and_never_its_only_model() -> None:
    first = place("first", is_loaded=True, memory_bytes=90, last_used_s=1.0)
    second = place("second", is_loaded=True, memory_bytes=20, last_used_s=2.0)

    assert MemoryBudget(100, [first, second]).surplus() == [first]
    assert MemoryBudget(110, [first, second]).surplus() == []
    assert MemoryBudget(50, [first]).surplus() == []


def test_who_has_calls_open_is_left_alone() -> None:
    busy = place("busy", is_loaded=True, memory_bytes=90, open_calls=1)
    other = place("other", is_loaded=True, memory_bytes=90, open_calls=1)

    assert MemoryBudget(100, [busy, other]).surplus() == []
    assert MemoryBudget(100, [busy]).victims(other, 20) is None
