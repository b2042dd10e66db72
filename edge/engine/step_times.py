"""How long steps take that compute nothing but running answers, by their number.

Eight answers in one decode may take three times as long as one, or the same; on some processors
two in one take longer than one after the other. Nobody can know, so it is measured. Pure
arithmetic; knows no model.
"""

from typing import Final

__all__ = ["StepTimes"]

_WEIGHT: Final = 0.2
"""Of the newest measurement."""
_JUMP: Final = 1.5
"""A measurement counts as at most so much more than usual: a step that had to wait for the
processor says little of the next one."""
_MOST_APART: Final = 8
"""More answers than this are always computed together."""
_MARGIN: Final = 1.1
"""Computing apart must win this much."""
_PROBE_EVERY: Final = 128
"""Steps, after which the other way is tried once."""


class StepTimes:
    """Learns from measured times."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._steps = 0

    def note(self, answers: int, took_s: float) -> None:
        """Take the time of one decode with a token of so many answers and nothing else."""
        usual_s = self._seconds.get(answers)
        if usual_s is None:
            self._seconds[answers] = took_s
        else:
            self._seconds[answers] += _WEIGHT * (min(took_s, usual_s * _JUMP) - usual_s)

    def seconds(self, answers: int) -> float | None:
        """Return how long a decode of so many takes, or else of the nearest number; if known."""
        if not self._seconds:
            return None
        return self._seconds[min(self._seconds, key=lambda known: abs(known - answers))]

    def are_apart(self, answers: int) -> bool:
        """Whether the next step should compute so many answers one after the other."""
        if not 1 < answers <= _MOST_APART:
            return False
        together_s, alone_s = self._seconds.get(answers), self._seconds.get(1)
        if together_s is None or alone_s is None:
            return together_s is not None
        self._steps += 1
        is_cheaper = answers * alone_s * _MARGIN < together_s
        return is_cheaper is (self._steps % _PROBE_EVERY != 0)
