"""Frames leave in order, together where the daemon is slow, and all of them before the end."""

from collections.abc import Sequence
from threading import Event

from edge.engine.frames import Cancel, Frame
from edge.engine.outbox import Outbox


def test_what_piles_up_while_the_daemon_is_slow_goes_in_one_write() -> None:
    writes: list[list[Frame]] = []
    is_writing, may_go_on = Event(), Event()

    def write(frames: Sequence[Frame]) -> None:
        writes.append(list(frames))
        is_writing.set()
        assert may_go_on.wait(5.0)

    outbox = Outbox(write)
    outbox.put([Cancel(0)])
    assert is_writing.wait(5.0)
    for number in range(1, 6):
        outbox.put([Cancel(number), Cancel(-number)])
    may_go_on.set()
    outbox.close()

    assert writes[0] == [Cancel(0)]
    assert writes[1] == [Cancel(sign * number) for number in range(1, 6) for sign in (1, -1)]
    assert len(writes) == 2


def test_closing_waits_until_everything_is_written() -> None:
    written: list[Frame] = []
    outbox = Outbox(written.extend)
    for number in range(1000):
        outbox.put([Cancel(number)])
    outbox.close()

    assert written == [Cancel(number) for number in range(1000)]
