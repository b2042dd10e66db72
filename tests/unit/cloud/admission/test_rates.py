"""Limits of rate and concurrency: what is handed out, what is given back, how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.admission.buckets import TokenBucket
from cloud.admission.rates import RateGate
from cloud.admission.rules import Limit
from cloud.admission.scopes import Scope
from runtime.errors import CapacityExhausted, RequestInvalid
from runtime.testing.fakes import ManualClock

ONE = {"tenant": "acme", "key": "", "device": "one", "graph": "", "model": "llm"}
OTHER = {**ONE, "device": "other"}


def gate_with(*limits: Limit, clock: ManualClock, replicas: int = 1) -> RateGate:
    gate = RateGate(clock=clock)
    gate.configure(limits, replicas=replicas)
    return gate


@given(
    per_minute=st.integers(1, 1000),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 100)), max_size=60),
)
def test_a_bucket_never_hands_out_more_than_a_burst_and_its_pace(
    per_minute: int, steps: list[tuple[float, int]]
) -> None:
    now_s, given_out = 0.0, 0
    bucket = TokenBucket(per_minute, now_s=now_s)

    for pause_s, amount in steps:
        now_s += pause_s
        if bucket.wait_s(amount, now_s=now_s) == 0:
            bucket.take(amount, now_s=now_s)
            given_out += amount
            largest = max(0, amount - per_minute)
            assert given_out <= per_minute * (1 + now_s / 60) * (1 + 1e-6) + largest


@given(st.integers(1, 10_000), st.lists(st.integers(1, 20_000), min_size=1, max_size=20))
def test_who_waits_as_long_as_told_is_served(per_minute: int, amounts: list[int]) -> None:
    now_s = 0.0
    bucket = TokenBucket(per_minute, now_s=now_s)

    for amount in amounts:
        now_s += bucket.wait_s(amount, now_s=now_s)
        assert bucket.wait_s(amount, now_s=now_s) == 0
        bucket.take(amount, now_s=now_s)


def test_requests_beyond_the_limit_are_told_when_to_come_back() -> None:
    clock = ManualClock()
    gate = gate_with(Limit("slow", Scope(), requests_per_minute=2), clock=clock)
    gate.admit(ONE, 5)
    gate.admit(OTHER, 5)

    with pytest.raises(CapacityExhausted, match='"slow"') as refused:
        gate.admit(ONE, 5)
    assert refused.value.retry_after_s == pytest.approx(30)
    clock.advance(refused.value.retry_after_s)

    gate.admit(ONE, 5)


def test_unused_tokens_come_back_when_the_call_ends() -> None:
    gate = gate_with(Limit("tokens", Scope(), tokens_per_minute=100), clock=ManualClock())
    slot = gate.admit(ONE, 90)
    with pytest.raises(CapacityExhausted):
        gate.admit(ONE, 20)

    slot.release(10)

    gate.admit(ONE, 90)
    with pytest.raises(CapacityExhausted):
        gate.admit(ONE, 1)


def test_a_slot_is_released_once() -> None:
    gate = gate_with(Limit("one", Scope(), max_concurrent=1), clock=ManualClock())
    slot = gate.admit(ONE, 0)
    slot.release(0)
    slot.release(0)
    gate.admit(ONE, 0)

    with pytest.raises(CapacityExhausted) as refused:
        gate.admit(ONE, 0)
    assert refused.value.retry_after_s > 0


def test_a_refused_call_takes_nothing_from_any_limit() -> None:
    limits = (
        Limit("wide", Scope(), requests_per_minute=10),
        Limit("narrow", Scope.of({"device": "one"}), max_concurrent=1),
    )
    gate = gate_with(*limits, clock=ManualClock())
    gate.admit(ONE, 0)
    for _ in range(50):
        with pytest.raises(CapacityExhausted, match="narrow"):
            gate.admit(ONE, 0)

    for _ in range(9):
        gate.admit(OTHER, 0)
    with pytest.raises(CapacityExhausted, match="wide"):
        gate.admit(OTHER, 0)


def test_a_call_refused_later_gives_its_place_and_its_turn_back() -> None:
    limit = Limit("all", Scope(), requests_per_minute=1, tokens_per_minute=10, max_concurrent=1)
    gate = gate_with(limit, clock=ManualClock())

    gate.admit(ONE, 10).undo()

    gate.admit(ONE, 10)


def test_each_device_has_its_own() -> None:
    limit = Limit("each", Scope.of({}, ("device",)), max_concurrent=1)
    gate = gate_with(limit, clock=ManualClock())
    gate.admit(ONE, 0)
    gate.admit(OTHER, 0)

    with pytest.raises(CapacityExhausted):
        gate.admit(OTHER, 0)


def test_a_call_that_a_whole_minute_cannot_hold_is_the_callers_to_change() -> None:
    gate = gate_with(Limit("tokens", Scope(), tokens_per_minute=100), clock=ManualClock())

    with pytest.raises(RequestInvalid, match="max_tokens"):
        gate.admit(ONE, 101)


def test_replicas_share_a_limit() -> None:
    clock = ManualClock()
    limit = Limit("shared", Scope(), requests_per_minute=10, max_concurrent=100)
    gates = [gate_with(limit, clock=clock, replicas=4) for _ in range(4)]

    admitted = 0
    for _ in range(60):
        for gate in gates:
            try:
                gate.admit(ONE, 0).release(0)
            except CapacityExhausted:
                continue
            admitted += 1
        clock.advance(1)
    # A burst of a minute's worth, a minute's pace, and the part of a call that a share owes.
    assert 16 <= admitted <= 10 + 10 + 4


def test_a_call_larger_than_a_share_is_served_and_paid_for_by_waiting() -> None:
    clock = ManualClock()
    limit = Limit("shared", Scope(), tokens_per_minute=100)
    gate = gate_with(limit, clock=clock, replicas=4)
    gate.admit(ONE, 100)

    with pytest.raises(CapacityExhausted) as refused:
        gate.admit(ONE, 25)

    assert refused.value.retry_after_s == pytest.approx(240), "the whole minute of four replicas"


def test_changing_a_limit_does_not_forget_what_was_used() -> None:
    clock = ManualClock()
    gate = gate_with(Limit("rate", Scope(), requests_per_minute=10), clock=clock)
    for _ in range(10):
        gate.admit(ONE, 0)

    gate.configure([Limit("rate", Scope(), requests_per_minute=60)], replicas=1)

    with pytest.raises(CapacityExhausted) as refused:
        gate.admit(ONE, 0)
    assert refused.value.retry_after_s == pytest.approx(1)
    gate.configure([], replicas=1)
    gate.admit(ONE, 0)


def test_callers_who_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.admission.rates._SWEEP_AT", 100)
    clock = ManualClock()
    limit = Limit("each", Scope.of({}, ("graph",)), requests_per_minute=5, max_concurrent=1)
    gate = gate_with(limit, clock=clock)
    held = gate.admit({**ONE, "graph": "held"}, 0)
    for number in range(500):
        gate.admit({**ONE, "graph": f"g{number}"}, 0).release(0)
        clock.advance(13)

    assert gate.tracked <= 102
    with pytest.raises(CapacityExhausted):
        gate.admit({**ONE, "graph": "held"}, 0)
    held.release(0)
