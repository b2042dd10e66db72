"""What a model was asked and gave: one account per call, and their sums. Content-free."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from edge.engine.frames import Begun, Embedded, Finished, Inferred
from runtime.clock import Clock
from runtime.ports import TextDelta

__all__ = ["ANSWERED", "CallAccount", "Traffic", "TrafficBook"]

ANSWERED: Final = "answered"

_WEIGHT: Final = 0.2
"""Of the newest call in running averages."""


@dataclass(slots=True, eq=False)
class CallAccount:
    """One call while it runs, and after."""

    started_s: float
    """On the book's clock."""
    outcome: str = "cancelled"
    """``answered``, the class of its failure, or ``cancelled``."""
    prompt_tokens: int = 0
    """0 when it never got a slot."""
    cached_tokens: int = 0
    """Of the prompt, not computed again."""
    completion_tokens: int = 0
    guessed_tokens: int = 0
    right_guesses: int = 0
    queued_s: float | None = None
    """Until it got a slot."""
    first_token_s: float | None = None
    """Until its first text."""
    total_s: float = 0.0

    @property
    def stages_s(self) -> dict[str, float]:
        """Where its time went: ``waiting``, ``prompt``, ``answer``."""
        begun_s = self.total_s if self.queued_s is None else self.queued_s
        first_s = self.total_s if self.first_token_s is None else self.first_token_s
        return {
            "waiting": begun_s,
            "prompt": first_s - begun_s,
            "answer": self.total_s - first_s,
        }

    @property
    def is_running(self) -> bool:
        """Whether it has a slot."""
        return self.queued_s is not None


@dataclass(slots=True)
class Traffic:
    """All calls of one model since the daemon started, and how it stands now."""

    running: int = 0
    """Calls that have a slot."""
    waiting: int = 0
    """Calls that wait for one."""
    answered: int = 0
    failed: int = 0
    """Calls that ended otherwise, cancelled ones included."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    """Of running calls, too."""
    guessed_tokens: int = 0
    """Computed on the chance that they follow; of answered calls."""
    right_guesses: int = 0
    """Of those, that did."""
    first_token_s: float = 0.0
    """Running average; 0 before the first."""
    slot_s: float = 0.0
    """Running average of the time that an answered call has a slot; 0 before the first."""


class TrafficBook:
    """Keeps the accounts of one model.

    Args:
        clock: Measures calls.
        ended: Is told of every call that ends.
    """

    def __init__(self, *, clock: Clock, ended: Callable[[CallAccount], None]) -> None:
        self._clock = clock
        self._ended = ended
        self._sums = Traffic()
        self._open: list[CallAccount] = []

    @property
    def traffic(self) -> Traffic:
        """How it stands now; a copy."""
        running = sum(account.is_running for account in self._open)
        return replace(self._sums, running=running, waiting=len(self._open) - running)

    def open(self) -> CallAccount:
        """Begin the account of a call."""
        account = CallAccount(self._clock.monotonic_s())
        self._open.append(account)
        return account

    def note(
        self, account: CallAccount, item: TextDelta | Finished | Embedded | Inferred | Begun
    ) -> None:
        """Count something that the model's process said of a call."""
        match item:
            case TextDelta():
                if account.first_token_s is None:
                    account.first_token_s = self._passed_s(account)
                account.completion_tokens += item.tokens
                self._sums.completion_tokens += item.tokens
            case Begun():
                account.queued_s = self._passed_s(account)
                account.prompt_tokens = item.prompt_tokens
                account.cached_tokens = item.cached_tokens
                self._sums.prompt_tokens += item.prompt_tokens
                self._sums.cached_tokens += item.cached_tokens
            case Finished():
                account.outcome = ANSWERED
                account.guessed_tokens = item.guessed_tokens
                account.right_guesses = item.right_guesses
                self._sums.guessed_tokens += item.guessed_tokens
                self._sums.right_guesses += item.right_guesses
            case Embedded() | Inferred():
                account.outcome = ANSWERED

    def close(self, account: CallAccount) -> None:
        """End the account of a call, however the call ended."""
        self._open.remove(account)
        account.total_s = self._passed_s(account)
        sums = self._sums
        if account.outcome == ANSWERED:
            sums.answered += 1
        else:
            sums.failed += 1
        if account.first_token_s is not None:
            sums.first_token_s = _moved(sums.first_token_s, account.first_token_s)
        if account.outcome == ANSWERED and account.queued_s is not None:
            sums.slot_s = _moved(sums.slot_s, account.total_s - account.queued_s)
        self._ended(account)

    def _passed_s(self, account: CallAccount) -> float:
        return self._clock.monotonic_s() - account.started_s


def _moved(mean: float, value: float) -> float:
    return value if not mean else mean + _WEIGHT * (value - mean)
