"""Budgets of extra calls: a share of the calls, whatever the order of events."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.routing.budget import BudgetSettings, ShareBudget
from runtime.testing.fakes import ManualClock


def test_a_storm_of_failures_is_cut_to_the_share() -> None:
    budget = ShareBudget(BudgetSettings(share=0.2, reserve=5, per_s=0), ManualClock())
    taken = 0

    for _ in range(1000):
        budget.note_call()
        taken += budget.take()

    assert 195 <= taken <= 205


def test_a_quiet_gateway_may_still_make_some() -> None:
    clock = ManualClock()
    budget = ShareBudget(BudgetSettings(share=0.2, reserve=1, per_s=0.5), clock)
    budget.take()
    empty = budget.take()

    clock.advance(2)

    assert not empty
    assert budget.take()


@given(
    st.floats(0, 1),
    st.floats(1, 20),
    st.floats(0, 5),
    st.lists(st.tuples(st.sampled_from(["call", "take"]), st.floats(0, 3)), max_size=400),
)
def test_never_more_than_reserve_share_and_time_allow(
    share: float, reserve: float, per_s: float, events: list[tuple[str, float]]
) -> None:
    clock = ManualClock()
    budget = ShareBudget(BudgetSettings(share, reserve, per_s), clock)
    calls = taken = 0
    seconds = 0.0

    for kind, pause_s in events:
        clock.advance(pause_s)
        seconds += pause_s
        if kind == "call":
            budget.note_call()
            calls += 1
        else:
            taken += budget.take()
        assert taken <= reserve + share * calls + per_s * seconds + 1e-6
