"""What bounds a run, apart from its caller's deadline."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run; the defaults suit small machines and slow links."""

    step_timeout_s: float = 300.0
    """Longest that one call may take, also when the caller has more time."""
    first_token_timeout_s: float = 120.0
    """Longest silence before a call's first item: queueing and reading the prompt. A step with a
    fallback waits at most half of the caller's time left, so that the fallback has the rest."""
    idle_timeout_s: float = 30.0
    """Longest silence between two items of a call."""
    retry_delay_s: float = 0.05
    """Mean wait before the one retry; drawn from half to one and a half of it."""
    parallel_calls: int = 64
    """Calls of one run that are in flight at once; more wait for their turn."""
    event_capacity: int = 256
    """Events that wait for a slow reader before the steps themselves wait."""
    answer_chars: int = 2_000_000
    """Longest answer that one call may stream."""
    shares_answers: bool = True
    """Whether two models may write one answer; not where guards judge answers: they do so whole."""
