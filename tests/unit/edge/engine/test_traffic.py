"""The accounts of calls: where time and tokens went, whichever way a call ended."""

from datetime import UTC, datetime

from edge.engine.frames import Begun, Finished
from edge.engine.traffic import CallAccount, TrafficBook
from runtime.ports import FinishReason, TextDelta, Timings, Usage

DONE = Finished(1, FinishReason.STOP, Usage(), Timings(), guessed_tokens=5, right_guesses=3)


class ManualClock:
    def __init__(self) -> None:
        self.at_s = 50.0

    def now(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return self.at_s


class Setup:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ended: list[CallAccount] = []
        self.book = TrafficBook(clock=self.clock, ended=self.ended.append)


def test_an_answered_call_says_where_its_time_went() -> None:
    setup = Setup()
    account = setup.book.open()
    for passed_s, item in (
        (1.0, Begun(1, prompt_tokens=40, cached_tokens=30)),
        (2.0, TextDelta("a", 1)),
        (4.0, TextDelta("bc", 2)),
        (0.5, DONE),
    ):
        setup.clock.at_s += passed_s
        setup.book.note(account, item)
    setup.book.close(account)

    (ended,) = setup.ended
    assert ended.outcome == "answered"
    assert ended.stages_s == {"waiting": 1.0, "prompt": 2.0, "answer": 4.5}
    assert (ended.prompt_tokens, ended.cached_tokens, ended.completion_tokens) == (40, 30, 3)
    traffic = setup.book.traffic
    assert (traffic.answered, traffic.failed, traffic.running, traffic.waiting) == (1, 0, 0, 0)
    assert (traffic.first_token_s, traffic.slot_s) == (3.0, 6.5)
    assert (traffic.guessed_tokens, traffic.right_guesses) == (5, 3)


def test_a_call_that_never_got_a_slot_only_waited() -> None:
    setup = Setup()
    account = setup.book.open()
    setup.clock.at_s += 3.0
    setup.book.close(account)

    assert account.outcome == "cancelled"
    assert account.stages_s == {"waiting": 3.0, "prompt": 0.0, "answer": 0.0}
    assert setup.book.traffic.failed == 1
    assert setup.book.traffic.first_token_s == 0.0


def test_open_calls_run_or_wait_and_their_tokens_count_at_once() -> None:
    setup = Setup()
    first, second, third = (setup.book.open() for _ in range(3))
    for account in (first, second):
        setup.book.note(account, Begun(1, prompt_tokens=5, cached_tokens=0))
    setup.book.note(second, TextDelta("x", 4))

    traffic = setup.book.traffic
    assert (traffic.running, traffic.waiting) == (2, 1)
    assert (traffic.prompt_tokens, traffic.completion_tokens) == (10, 4)
    setup.book.close(third)
    assert traffic.waiting == 1  # a copy
    assert setup.book.traffic.waiting == 0
