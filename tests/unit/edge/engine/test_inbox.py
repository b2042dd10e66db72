"""The child's queue: order, bounds, cancellation, deadlines, signs of life."""

from datetime import UTC, datetime

import pytest

from edge.engine.frames import Cancel, Failed, Frame, Ping, Pong, Start
from edge.engine.inbox import Inbox
from runtime.errors import Cancelled, DeadlineExceeded
from runtime.ports import Sampling


class ManualClock:
    def __init__(self) -> None:
        self.at_s = 100.0

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return self.at_s


class Setup:
    def __init__(self, limit: int = 2) -> None:
        self.sent: list[Frame] = []
        self.clock = ManualClock()
        self.inbox = Inbox(send=self.sent.append, limit=limit, clock=self.clock)

    def start(self, call: int, timeout_s: float = 10.0) -> None:
        self.inbox.accept(Start(call, (), Sampling(), timeout_s))


def test_calls_are_served_in_order() -> None:
    setup = Setup()
    setup.start(1)
    setup.start(2)

    assert [setup.inbox.next().start.call for _ in range(2)] == [1, 2]


def test_a_full_queue_refuses_with_capacity_exhausted() -> None:
    setup = Setup(limit=1)
    setup.start(1)

    setup.start(2)

    assert setup.sent == [Failed(2, "CapacityExhausted", "1 calls wait already")]


def test_a_waiting_call_is_cancelled_at_once() -> None:
    setup = Setup()
    setup.start(1)
    setup.start(2)

    setup.inbox.accept(Cancel(1))

    assert setup.sent == [Failed(1, "Cancelled", "the caller went away")]
    assert setup.inbox.next().start.call == 2


def test_the_active_call_is_cancelled_at_its_next_step() -> None:
    setup = Setup()
    setup.start(1)
    ticket = setup.inbox.next()
    setup.inbox.check(ticket)

    setup.inbox.accept(Cancel(1))

    with pytest.raises(Cancelled):
        setup.inbox.check(ticket)


def test_a_cancellation_of_one_call_does_not_reach_the_next() -> None:
    setup = Setup()
    setup.start(1)
    setup.inbox.next()
    setup.inbox.accept(Cancel(1))
    setup.inbox.done()
    setup.start(2)

    setup.inbox.check(setup.inbox.next())

    assert setup.sent == []


def test_cancelling_an_unknown_call_changes_nothing() -> None:
    setup = Setup()
    setup.start(1)

    setup.inbox.accept(Cancel(9))

    assert setup.sent == []
    assert setup.inbox.next().start.call == 1


def test_time_spent_waiting_counts_against_the_deadline() -> None:
    setup = Setup()
    setup.start(1, timeout_s=5.0)
    setup.clock.at_s += 5.0

    with pytest.raises(DeadlineExceeded):
        setup.inbox.check(setup.inbox.next())


def test_a_ping_is_answered_with_the_progress() -> None:
    setup = Setup()
    setup.inbox.accept(Ping())
    setup.start(1)
    setup.inbox.check(setup.inbox.next())
    with setup.inbox.decoding():
        setup.inbox.accept(Ping())
    setup.inbox.done()
    setup.inbox.accept(Ping())

    assert setup.sent == [
        Pong(0, is_busy=False, is_decoding=False),
        Pong(1, is_busy=True, is_decoding=True),
        Pong(1, is_busy=False, is_decoding=False),
    ]
