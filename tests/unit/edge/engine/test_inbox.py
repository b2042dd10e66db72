"""The child's queue: order, bounds, cancellation, deadlines, signs of life."""

from datetime import UTC, datetime

import pytest

from edge.engine.frames import Cancel, Failed, Frame, Ping, Pong, Start
from edge.engine.inbox import Inbox, Ticket
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

    def start(self, call: int, timeout_s: float = 10.0, *, caller: str = "") -> None:
        self.inbox.accept(Start(call, (), Sampling(), timeout_s, caller=caller))

    def next(self) -> Ticket:
        ticket = self.inbox.next()
        assert ticket is not None
        return ticket


def test_calls_are_served_in_order_and_callers_in_turn() -> None:
    setup = Setup(limit=4)
    for call, caller in ((1, "a"), (2, "a"), (3, "b"), (4, "a")):
        setup.start(call, caller=caller)

    assert [setup.next().call for _ in range(4)] == [1, 3, 2, 4]
    assert setup.inbox.next() is None


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
    assert setup.next().call == 2


def test_an_active_call_is_cancelled_at_its_next_step_and_the_others_go_on() -> None:
    setup = Setup()
    setup.start(1)
    setup.start(2)
    first, second = setup.next(), setup.next()
    setup.inbox.check(first)

    setup.inbox.accept(Cancel(1))

    with pytest.raises(Cancelled):
        setup.inbox.check(first)
    setup.inbox.check(second)
    assert setup.sent == []


def test_a_call_that_is_done_leaves_no_trace() -> None:
    setup = Setup()
    setup.start(1)
    first = setup.next()
    setup.inbox.accept(Cancel(1))
    setup.inbox.done(first)

    setup.inbox.accept(Cancel(1))
    setup.start(1)

    setup.inbox.check(setup.next())
    assert setup.sent == []


def test_cancelling_an_unknown_call_changes_nothing() -> None:
    setup = Setup()
    setup.start(1)

    setup.inbox.accept(Cancel(9))

    assert setup.sent == []
    assert setup.next().call == 1


def test_time_spent_waiting_counts_against_the_deadline() -> None:
    setup = Setup()
    setup.start(1, timeout_s=5.0)
    ticket = setup.next()
    setup.clock.at_s += 4.9
    setup.inbox.check(ticket)
    setup.clock.at_s += 0.1

    with pytest.raises(DeadlineExceeded):
        setup.inbox.check(ticket)


def test_a_call_that_waits_too_long_is_told_so_while_it_waits() -> None:
    setup = Setup()
    setup.start(1, timeout_s=5.0)
    setup.start(2, timeout_s=6.0)
    setup.clock.at_s += 5.0

    setup.inbox.expire()

    assert setup.sent == [Failed(1, "DeadlineExceeded", "no time left of 5.000 s")]
    assert setup.next().call == 2


def test_a_ping_is_answered_with_the_progress() -> None:
    setup = Setup()
    setup.inbox.accept(Ping())
    setup.start(1)
    setup.inbox.accept(Ping())
    ticket = setup.next()
    setup.inbox.note_step()
    with setup.inbox.decoding():
        setup.inbox.accept(Ping())
    setup.inbox.done(ticket)
    setup.inbox.accept(Ping())

    assert setup.sent == [
        Pong(0, is_busy=False, is_decoding=False),
        Pong(0, is_busy=True, is_decoding=False),
        Pong(1, is_busy=True, is_decoding=True),
        Pong(1, is_busy=False, is_decoding=False),
    ]
