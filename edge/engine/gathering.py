"""What steps of a fast model have brought and its daemon has not been told yet.

A message costs the daemon, the wire and the caller about as much processor time as a small model
needs for a token, however much text is in it. So texts wait for each other for a moment that no
reader notices; whatever a caller waits for - that its call has begun, its first text, its end -
goes at once and takes all with it. For one thread.
"""

from collections.abc import Callable, Sequence

from edge.engine.frames import Begun, Failed, Finished, Frame, Piece, Pieces
from runtime.ports import TextDelta

__all__ = ["Gathering", "joined"]


class Gathering:
    """Gathers what one step after another brings.

    Args:
        send: Takes what the daemon is to be told, in order.
        longest_s: How long a text may wait for the next one, seconds; 0 sends with each step.
    """

    def __init__(self, *, send: Callable[[list[Frame]], None], longest_s: float) -> None:
        self._send = send
        self._longest_s = longest_s
        self._begun: list[Begun] = []
        self._deltas: dict[int, list[TextDelta]] = {}
        self._endings: list[Finished | Failed] = []
        self._is_urgent = False
        self._since_s: float | None = None
        """When the oldest text came that waits."""

    def begin(self, frame: Begun) -> None:
        """A call got a slot."""
        self._begun.append(frame)
        self._is_urgent = True

    def add(self, call: int, delta: TextDelta, *, is_first: bool) -> None:
        """An answer went on.

        Args:
            call: Whose.
            delta: By what.
            is_first: Whether its caller has seen nothing of it yet.
        """
        self._deltas.setdefault(call, []).append(delta)
        self._is_urgent |= is_first

    def end(self, frame: Finished | Failed) -> None:
        """A call ended."""
        self._endings.append(frame)
        self._is_urgent = True

    def flush(self, *, now_s: float, next_s: float) -> None:
        """Tell the daemon, unless all can wait for the next step.

        Args:
            now_s: The time.
            next_s: How long the next step will take, as far as one can tell.
        """
        if not self._is_urgent:
            if not self._deltas:
                return
            if self._since_s is None:
                self._since_s = now_s
            if now_s - self._since_s + next_s < self._longest_s:
                return
        # The texts first: an ending closes its call.
        frames: list[Frame] = [*self._begun]
        if self._deltas:
            frames.append(
                Pieces(tuple(Piece(call, joined(deltas)) for call, deltas in self._deltas.items()))
            )
        frames += self._endings
        self._send(frames)
        self._begun, self._deltas, self._endings = [], {}, []
        self._is_urgent, self._since_s = False, None


def joined(deltas: Sequence[TextDelta]) -> TextDelta:
    """Return texts that follow each other as one."""
    if len(deltas) == 1:
        return deltas[0]
    return TextDelta(
        "".join(delta.text for delta in deltas),
        sum(delta.tokens for delta in deltas),
        tuple(entry for delta in deltas for entry in delta.logprobs),
    )
