"""How a step's text is shown while its model writes it."""

from runtime.executor.events import AnswerDelta, Event, StepDelta
from runtime.executor.told_calls import ToldCalls
from runtime.ids import StepId
from runtime.ports import StreamRestorer, TextDelta

__all__ = ["StepView"]


class StepView:
    """How a step's text is shown while it is being written.

    The sink's text is the graph's answer, restored; other steps' text is shown as written.
    """

    def __init__(self, step: StepId, restorer: StreamRestorer | None, *, is_sink: bool) -> None:
        self._step = step
        self._is_sink = is_sink
        self._restorer = restorer
        self._parts: list[str] = []
        self.shown = ""
        self.told_calls = ToldCalls()
        self.has_answered = False

    def show(self, delta: TextDelta) -> Event | None:
        """Return the event for the next piece; ``None`` when nothing can be shown yet."""
        text, logprobs, calls = delta.text, delta.logprobs, delta.tool_calls
        if not self._is_sink:
            return StepDelta(self._step, text) if text else None
        if self._restorer is not None:
            # Placeholders in calls are put back when a call is whole.
            text, logprobs, calls = self._restorer.feed(text), (), ()
        if text:
            self.has_answered = True
            self._parts.append(text)
        if calls:
            self.has_answered = True
            self.told_calls.note(calls)
        return AnswerDelta(text, logprobs, calls) if text or logprobs or calls else None

    def finish(self) -> str:
        """Return what the restorer held back; complete ``shown``."""
        rest = self._restorer.finish() if self._restorer is not None else ""
        self.shown = "".join(self._parts) + rest
        return rest
