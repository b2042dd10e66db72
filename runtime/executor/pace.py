"""How fast two models write together, as measured: whether a draft pays, and how long it should be.

A draft of ``n`` tokens takes ``n`` steps of the small model and one call of the large one, a round
trip with it, and brings as many tokens as are right and one more. Alone, the large model takes one
step of its own per token, and one round trip for all of them.
"""

from collections import deque
from collections.abc import Hashable
from typing import Final

__all__ = ["Pace", "Paces"]

_NEWEST: Final = 0.2
"""Weight of the newest measure in a running mean."""
_CHECKS: Final = 8
"""The least of so many calls is the round trip: what was longer waited for something else."""
_TRY_AGAIN_RUNS: Final = 16
"""Every so often a draft is tried where it did not pay, for links and models change."""
_LEAST_CHANCE: Final = 0.02


class Pace:
    """What was measured of one pair of models. Of one node, over all its runs."""

    def __init__(self) -> None:
        self._near_s = 0.0
        self._far_s = 0.0
        self._checks_s: deque[float] = deque(maxlen=_CHECKS)
        self._right = 1.0
        self._judged = 1.25
        self._idle_runs = 0
        self.is_refused = False
        """Whether the large model's node checks no drafts."""

    def note_draft(self, tokens: int, took_s: float) -> None:
        """The small model wrote a draft."""
        if tokens:
            self._near_s = _mean(self._near_s, took_s / tokens)

    def note_check(self, *, guessed: int, right: int, took_s: float) -> None:
        """A draft was checked, link and all."""
        self._checks_s.append(took_s)
        self._right = (1 - _NEWEST) * self._right + right
        self._judged = (1 - _NEWEST) * self._judged + right + (right < guessed)

    def note_alone(self, tokens: int, took_s: float) -> None:
        """The large model wrote alone; ``took_s`` is from its first token to its last."""
        if tokens > 0:
            self._far_s = _mean(self._far_s, took_s / tokens)

    def draft_tokens(self, most: int, *, is_always: bool, is_first: bool) -> int:
        """Return how many tokens to guess now; 0 to let the large model write alone.

        Args:
            most: What the graph allows.
            is_always: Whether to guess also where it does not pay.
            is_first: Whether an answer begins.
        """
        if self.is_refused or most < 1:
            return 0
        if not self._checks_s or not self._near_s:
            # First the large model alone, for something to compare with.
            return most if is_always or self._far_s else 0
        best = min(range(1, most + 1), key=self._seconds_per_token)
        if is_always or self._seconds_per_token(best) < self._far_s:
            return best
        if not is_first:
            return 0
        self._idle_runs += 1
        return best if self._idle_runs % _TRY_AGAIN_RUNS == 0 else 0

    def _seconds_per_token(self, guessed: int) -> float:
        chance = min(1 - _LEAST_CHANCE, max(_LEAST_CHANCE, self._right / self._judged))
        gained = (1 - chance ** (guessed + 1)) / (1 - chance)
        return (guessed * self._near_s + min(self._checks_s)) / gained


class Paces:
    """The paces of all pairs that were measured."""

    def __init__(self) -> None:
        self._by_pair: dict[Hashable, Pace] = {}

    def of(self, *pair: Hashable) -> Pace:
        """Return the pace of a pair, the same for the same pair."""
        return self._by_pair.setdefault(pair, Pace())


def _mean(before: float, newest: float) -> float:
    return newest if not before else (1 - _NEWEST) * before + _NEWEST * newest
