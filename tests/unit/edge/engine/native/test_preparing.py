"""Calls are made ready in turn and no further ahead than wanted, while others are computed."""

import time
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from edge.engine.frames import Frame, Ping, Pong, Start
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.preparing import Preparing
from edge.engine.native.sequence import Sequence
from runtime.clock import SystemClock
from runtime.errors import LeewardError, RequestInvalid
from runtime.ports import Sampling

LIMIT_S = 5.0


class Setup:
    """An inbox, and a preparation that can be held up."""

    def __init__(self, *, wanted: int) -> None:
        self.sent: list[Frame] = []
        self.inbox = Inbox(send=self.sent.append, limit=64, clock=SystemClock())
        self.may_go_on = Event()
        self.may_go_on.set()
        self.begun: list[int] = []
        self.refused: list[tuple[int, LeewardError]] = []
        self.preparing = Preparing(
            self.inbox,
            prepare=self.prepare,
            refuse=lambda ticket, error: self.refused.append((ticket.call, error)),
            wanted=wanted,
        )

    def prepare(self, ticket: Ticket) -> Sequence:
        self.begun.append(ticket.call)
        assert self.may_go_on.wait(LIMIT_S)
        if ticket.call < 0:
            raise RequestInvalid("no")
        if ticket.call == 0:
            raise ZeroDivisionError
        answer: Any = SimpleNamespace(tokens=[], limit_tokens=9, finish_reason=None)
        return Sequence(ticket, [1], answer)

    def start(self, call: int, caller: str = "", *, priority: int = 0) -> None:
        start = Start(call, (), Sampling(), 60.0, caller=caller, priority=priority)
        self.inbox.accept(start)

    def take(self) -> int:
        self.preparing.wait()
        sequence = self.preparing.take()
        assert sequence is not None
        return sequence.ticket.call

    def steps(self) -> int:
        self.inbox.accept(Ping())
        pong = self.sent[-1]
        assert isinstance(pong, Pong)
        return pong.steps


def wait_until(condition: Any) -> None:
    until_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.001)


def test_calls_become_ready_in_the_turn_of_their_callers() -> None:
    setup = Setup(wanted=0)
    for call, caller in ((1, "a"), (2, "a"), (3, "b")):
        setup.start(call, caller)
    setup.preparing.want(3)

    assert [setup.take() for _ in range(3)] == [1, 3, 2]
    assert setup.preparing.take() is None


def test_no_more_are_made_ready_than_are_wanted() -> None:
    setup = Setup(wanted=2)
    for call in range(1, 6):
        setup.start(call)
    wait_until(lambda: len(setup.begun) == 2)
    time.sleep(0.02)
    assert setup.begun == [1, 2]

    assert setup.take() == 1
    setup.preparing.want(2)
    wait_until(lambda: len(setup.begun) == 3)
    setup.preparing.want(5)
    assert [setup.take() for _ in range(4)] == [2, 3, 4, 5]


def test_one_that_was_taken_is_wanted_no_more_and_the_next_keeps_its_turn() -> None:
    setup = Setup(wanted=1)
    setup.start(1)
    assert setup.take() == 1

    setup.start(2)
    setup.start(3, priority=1)
    time.sleep(0.02)
    assert setup.begun == [1]
    setup.preparing.want(2)
    assert [setup.take(), setup.take()] == [3, 2]


def test_who_comes_when_none_is_wanted_any_more_is_overtaken() -> None:
    setup = Setup(wanted=1)
    time.sleep(0.02)  # the thread waits for a call
    setup.preparing.want(0)
    setup.start(1)
    setup.start(2, priority=1)
    time.sleep(0.02)
    assert setup.begun == []

    setup.preparing.want(1)
    assert setup.take() == 2


def test_one_that_takes_long_holds_up_nobody_who_computes() -> None:
    setup = Setup(wanted=1)
    setup.may_go_on.clear()
    setup.start(1)
    wait_until(lambda: setup.begun)

    assert setup.preparing.take() is None

    setup.may_go_on.set()
    assert setup.take() == 1


def test_one_that_cannot_be_answered_is_refused_and_the_next_one_follows() -> None:
    setup = Setup(wanted=1)
    setup.start(-1)
    setup.start(2)

    assert setup.take() == 2
    assert [(call, type(error)) for call, error in setup.refused] == [(-1, RequestInvalid)]


def test_what_breaks_the_thread_breaks_who_waits_for_it() -> None:
    setup = Setup(wanted=1)
    setup.start(0)

    with pytest.raises(ZeroDivisionError):
        setup.preparing.wait()
    with pytest.raises(ZeroDivisionError):
        setup.preparing.take()


def test_a_preparation_that_does_not_end_shows_as_steps_that_stand_still() -> None:
    setup = Setup(wanted=1)
    setup.inbox.note_step()
    before = setup.steps()
    setup.may_go_on.clear()
    setup.start(1)
    wait_until(lambda: setup.begun)

    stuck = setup.steps()
    setup.inbox.note_step()
    assert setup.steps() == stuck != before

    setup.may_go_on.set()
    setup.take()
    assert setup.steps() == before + 1
