"""What the sender of a call asks of the call's idempotency key."""

from dataclasses import dataclass

__all__ = ["KeyTerms"]


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a sender that keeps a call until it is answered asks of its idempotency key."""

    kept_s: float
    """How long the key is to be remembered after its answer, seconds."""
    no_retry: bool = False
    """Whether the model may be asked at most once under the key."""
    is_repeat: bool = False
    """Whether the call was answered, and the sender has lost the answer."""
