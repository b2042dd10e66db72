"""What a sender asks of an idempotency key, as admission keeps it.

A call that its sender keeps until it is answered is charged when it is answered whole, and once:
what came to nothing under its key, and what is asked again because the answer was lost on the way,
is recorded and not charged.
"""

from datetime import datetime, timedelta
from typing import Final

from cloud.calls import Call, GenerateCall
from cloud.idempotency.names import CallName
from cloud.idempotency.refusals import KEPT
from cloud.stages import Outcome
from cloud.stores.idempotency import Claim
from runtime.key_terms import KeyTerms
from runtime.ports import FinishReason

__all__ = ["claim_of", "is_charged", "remembered_until"]

_WHOLE: Final = frozenset(reason.value for reason in FinishReason)
_MOST_KEPT: Final = timedelta(days=31)
"""The longest that a key is remembered, whatever is asked."""


def claim_of(name: CallName, call: GenerateCall) -> Claim:
    """Return the claim of a call that bears an idempotency key."""
    terms = call.request.key_terms
    if terms is None:
        return Claim(name.claim, name.request)
    return Claim(
        name.claim,
        name.request,
        is_kept=True,
        no_retry=terms.no_retry,
        is_repeat=terms.is_repeat,
    )


def remembered_until(call: Call, outcome: Outcome, *, now: datetime) -> datetime | None:
    """Return how long the key of a call that has ended stays in use; ``None`` for no longer."""
    terms = _terms(call)
    is_whole = outcome.status in _WHOLE
    if terms is None:
        return now + KEPT if is_whole else None
    if not is_whole and not terms.no_retry:
        return None
    kept = timedelta(seconds=min(terms.kept_s, _MOST_KEPT.total_seconds()))
    return now + max(KEPT, kept)


def is_charged(call: Call, outcome: Outcome) -> bool:
    """Whether what a call used is charged, rather than recorded alone."""
    terms = _terms(call)
    return terms is None or (outcome.status in _WHOLE and not terms.is_repeat)


def _terms(call: Call) -> KeyTerms | None:
    return call.request.key_terms if isinstance(call, GenerateCall) else None
