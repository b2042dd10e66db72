"""What a caller is told whose idempotency key is in use."""

from datetime import timedelta
from typing import Final

from cloud.stores.idempotency import Taken
from runtime.errors import AlreadyAnswered, CallInFlight, LeewardError, RequestInvalid

__all__ = ["KEPT", "repeated"]

KEPT: Final = timedelta(hours=1)
"""How long a key is remembered after its call was answered."""


def repeated(taken: Taken) -> LeewardError:
    """Return the failure for a call whose key was used before."""
    if taken.how == "other_request":
        reason = "this idempotency key was used for another request; use a new one for each"
        return RequestInvalid(reason, field="idempotency_key")
    if taken.how == "begun":
        return AlreadyAnswered(
            "the call with this idempotency key was begun before, may be made once only, and its "
            "answer is lost"
        )
    if taken.how == "running":
        reason = "the call with this idempotency key is still being answered; ask again later"
        return CallInFlight(reason)
    return AlreadyAnswered(
        "the call with this idempotency key was answered and charged, and its answer is no longer "
        "here; a new key makes it a new call"
    )
