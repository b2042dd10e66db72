"""Outlier ejection: by comparison, bounded, and never for good."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.routing.ejection import Ejections, EjectionSettings
from runtime.testing.fakes import ManualClock

SETTINGS = EjectionSettings(interval_s=10, least_calls=4, eject_s=30, longest_s=90)


def play(ejections: Ejections, clock: ManualClock, failures: dict[str, int]) -> set[str]:
    """One interval: ten calls each, so many of them failed; returns who is out afterwards."""
    for name, failed in failures.items():
        for number in range(10):
            ejections.record(name, has_failed=number < failed)
    clock.advance(SETTINGS.interval_s)
    for name in failures:
        ejections.record(name, has_failed=failures[name] > 5)
    return set(ejections.out())


def test_one_that_fails_far_more_than_its_peers_is_out() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b"], SETTINGS, clock)

    assert play(ejections, clock, {"a": 8, "b": 1}) == {"a"}


def test_when_all_fail_alike_nobody_is_out() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b"], SETTINGS, clock)

    assert play(ejections, clock, {"a": 9, "b": 8}) == set()


def test_without_a_peer_there_is_no_outlier() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b"], SETTINGS, clock)

    assert play(ejections, clock, {"a": 10}) == set()


def test_few_calls_say_nothing() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b"], SETTINGS, clock)
    for name in ("a", "b"):
        ejections.record(name, has_failed=name == "a")
    clock.advance(SETTINGS.interval_s)
    ejections.record("b", has_failed=False)

    assert ejections.out() == set()


def test_of_several_outliers_the_worst_are_out_and_half_stay() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b", "c", "d"], SETTINGS, clock)

    assert play(ejections, clock, {"a": 8, "b": 10, "c": 9, "d": 0}) == {"b", "c"}


def test_it_comes_back_and_stays_out_longer_the_next_time() -> None:
    clock = ManualClock()
    ejections = Ejections(["a", "b"], SETTINGS, clock)

    play(ejections, clock, {"a": 8, "b": 0})
    clock.advance(SETTINGS.eject_s)
    back = set(ejections.out())
    again = play(ejections, clock, {"a": 8, "b": 0})
    clock.advance(SETTINGS.eject_s + 1)
    still = set(ejections.out())

    assert (back, again, still) == (set(), {"a"}, {"a"})


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 7), st.booleans(), st.floats(0, 20)), max_size=300),
)
def test_never_more_than_the_share_is_out_and_all_come_back(
    providers: int, events: list[tuple[int, bool, float]]
) -> None:
    clock = ManualClock()
    names = [f"p{number}" for number in range(providers)]
    ejections = Ejections(names, SETTINGS, clock)

    for which, has_failed, pause_s in events:
        clock.advance(pause_s)
        ejections.record(names[which % providers], has_failed=has_failed)
        assert len(ejections.out()) <= providers * SETTINGS.most_share

    clock.advance(SETTINGS.longest_s + 1)
    assert not ejections.out()
