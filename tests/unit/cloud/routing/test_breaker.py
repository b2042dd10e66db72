"""The breaker: when it opens, what it lets through meanwhile, how it closes."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.routing.breaker import Breaker, BreakerSettings, BreakerState, Permit
from runtime.testing.fakes import ManualClock

SETTINGS = BreakerSettings(failures_in_a_row=3, least_calls=10, open_s=2.0, longest_open_s=16.0)


def breaker(clock: ManualClock, settings: BreakerSettings = SETTINGS) -> Breaker:
    return Breaker(settings, clock, Random(1))


def entered(one: Breaker) -> Permit:
    permit = one.enter()
    assert permit is not None
    return permit


def fail(one: Breaker, times: int) -> None:
    for _ in range(times):
        one.failed(entered(one))


def test_failures_in_a_row_open_it() -> None:
    one = breaker(ManualClock())

    fail(one, 2)
    before = one.state
    fail(one, 1)

    assert before is BreakerState.CLOSED
    assert one.state is BreakerState.OPEN
    assert one.enter() is None


def test_a_success_between_failures_starts_the_row_again() -> None:
    one = breaker(ManualClock())

    for _ in range(3):
        fail(one, 2)
        one.succeeded(entered(one))

    assert one.state is BreakerState.CLOSED


def test_half_of_enough_calls_failing_opens_it_without_a_row() -> None:
    one = breaker(ManualClock())

    for _ in range(5):
        one.succeeded(entered(one))
        fail(one, 1)

    assert one.state is BreakerState.OPEN


def test_a_share_of_failures_is_forgotten_with_its_window() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 2)
    one.succeeded(entered(one))
    fail(one, 2)
    one.succeeded(entered(one))

    clock.advance(SETTINGS.window_s * 2)
    for _ in range(8):
        one.succeeded(entered(one))
    fail(one, 2)

    assert one.state is BreakerState.CLOSED


def test_half_open_lets_one_call_try_and_no_other() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)

    clock.advance(3)
    probe = one.enter()
    second = one.enter()

    assert probe is not None
    assert second is None


def test_a_probe_that_answers_closes_it_before_its_stream_has_ended() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)
    clock.advance(3)

    one.answered(entered(one))

    assert one.state is BreakerState.CLOSED


def test_a_probe_that_is_given_up_lets_the_next_try() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)
    clock.advance(3)

    one.forgotten(entered(one))

    assert one.enter() is not None


def test_it_stays_open_longer_with_every_probe_that_fails_up_to_a_limit() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)
    pauses = []
    for _ in range(6):
        pauses.append(one.open_left_s)
        clock.advance(one.open_left_s)
        one.failed(entered(one))

    assert pauses == pytest.approx([2, 4, 8, 16, 16, 16], rel=0.21)


def test_late_news_of_calls_from_before_do_not_count() -> None:
    clock = ManualClock()
    one = breaker(clock)
    early = [entered(one) for _ in range(5)]
    fail(one, 3)
    clock.advance(3)
    one.answered(entered(one))

    for permit in early:
        one.failed(permit)

    assert one.state is BreakerState.CLOSED


def test_a_refused_key_opens_it_at_once() -> None:
    one = breaker(ManualClock())

    one.trip(entered(one))

    assert one.state is BreakerState.OPEN


def test_somebody_who_saw_it_away_holds_it_open() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)
    clock.advance(3)

    one.hold()

    assert one.state is BreakerState.OPEN


def test_one_that_was_held_is_tried_as_soon_as_it_is_seen_again() -> None:
    clock = ManualClock()
    one = breaker(clock)
    fail(one, 3)
    for _ in range(5):
        one.hold()

    one.release()

    assert one.enter() is not None


def test_one_that_failed_calls_is_not_let_off_because_it_is_there() -> None:
    one = breaker(ManualClock())
    fail(one, 3)

    one.release()

    assert one.state is BreakerState.OPEN


ENDS = st.sampled_from(["succeeded", "failed", "forgotten", "answered", "trip"])


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3), ENDS), max_size=120),
    st.integers(0, 2**32),
)
def test_whatever_happens_it_lets_one_probe_through_at_most_and_recovers(
    events: list[tuple[float, int, str]], seed: int
) -> None:
    clock = ManualClock()
    one = Breaker(SETTINGS, clock, Random(seed))
    pending: list[Permit] = []

    for pause_s, which, end in events:
        clock.advance(pause_s)
        permit = one.enter()
        if permit is not None:
            pending.append(permit)
        if pending:
            getattr(one, end)(pending.pop(which % len(pending)))
        # At most one probe of the present generation is out, whatever came before.
        probes = [p for p in pending if p.is_probe and p.generation == one._generation]
        assert len(probes) <= 1
        assert one.open_left_s <= SETTINGS.longest_open_s * 1.2

    for permit in pending:
        one.forgotten(permit)
    clock.advance(SETTINGS.longest_open_s * 2)
    assert one.enter() is not None
