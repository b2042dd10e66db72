"""How much of a new prompt to compute in the same step as running answers.

A large piece serves the newcomer, a small one the streams that wait for their next token.
Pure arithmetic over measured times; knows no model.
"""

from typing import Final

from edge.engine.step_times import StepTimes

__all__ = ["ChunkSizer"]

_STALL: Final = 0.75
"""A step with prompt tokens may take this much longer than one without, as a share of it: for each
prompt that there is for a running answer, and once at least."""
_MOST_STALL: Final = 4.0
"""However many prompts there are."""
_BURST_S: Final = 0.25
"""So much longer it may take in any case while more than half as many callers wait as read: a pause
of an answer that has hardly begun is noticed less than one that does not begin. Answers that begin
one after the other also end so, and share fewer decodes."""
_LEAST_TOKENS: Final = 8
"""With fewer the newcomer would never get there."""
_FIRST_TOKENS: Final = 16
_WEIGHT: Final = 0.2
"""Of the newest measurement."""


class ChunkSizer:
    """Learns from the times of steps how many prompt tokens fit beside running answers.

    Args:
        most_tokens: Never more than this.
        times: What steps without prompt tokens take.
    """

    def __init__(self, most_tokens: int, times: StepTimes) -> None:
        self._most_tokens = most_tokens
        self._times = times
        self._token_s: float | None = None

    def note(self, *, answers: int, prompt_tokens: int, took_s: float) -> None:
        """Take the time of one step with prompt tokens.

        Args:
            answers: Running answers that got a token.
            prompt_tokens: Tokens of prompts computed beside them.
            took_s: How long it took, seconds.
        """
        alone_s = (self._times.seconds(answers) or 0.0) if answers else 0.0
        token_s = max(took_s - alone_s, 0.0) / prompt_tokens
        old_s = self._token_s
        self._token_s = token_s if old_s is None else old_s + _WEIGHT * (token_s - old_s)

    def tokens(self, *, answers: int, prompts: int = 1) -> int:
        """Return how many prompt tokens the next step may hold beside ``answers`` of one each.

        One answer that goes on while seven callers wait for their first token may be slowed down
        more than seven that go on while one waits; and the sooner all run, the more of them share
        each decode.

        Args:
            answers: Running answers.
            prompts: Calls whose prompts are not computed.
        """
        room = max(self._most_tokens - answers, 0)
        if not answers:
            return room
        stall = min(_STALL * max(prompts / answers, 1.0), _MOST_STALL)
        step_s = self._times.seconds(answers)
        if not step_s or not self._token_s:
            return min(room, int(_FIRST_TOKENS * stall / _STALL))
        longer_s = stall * step_s
        if 2 * prompts > answers:
            longer_s = max(longer_s, _BURST_S)
        return min(room, max(_LEAST_TOKENS, int(longer_s / self._token_s)))
