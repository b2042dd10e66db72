"""What a remote caller may learn about each failure: a gRPC status and one fixed sentence.

The table is total over ``runtime.errors``. An error's own text never leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from grpc import StatusCode

from runtime import errors

__all__ = ["CATALOGUE", "CRASH", "PublicStatus", "by_code", "known_class", "public_status"]


class PublicStatus(NamedTuple):
    """What a remote caller may learn about a failure."""

    code: StatusCode
    message: str


CATALOGUE: Final[Mapping[type[errors.LeewardError], PublicStatus]] = {
    errors.LeewardError: PublicStatus(StatusCode.INTERNAL, "internal error"),
    # The caller's own documents and requests.
    errors.DocumentInvalid: PublicStatus(StatusCode.INVALID_ARGUMENT, "document cannot be used"),
    errors.GraphInvalid: PublicStatus(StatusCode.INVALID_ARGUMENT, "graph cannot run as written"),
    errors.RequestInvalid: PublicStatus(
        StatusCode.INVALID_ARGUMENT, "request cannot be served as sent"
    ),
    errors.RequestTooLarge: PublicStatus(
        StatusCode.INVALID_ARGUMENT, "request holds more than this node reads"
    ),
    errors.ContextOverflow: PublicStatus(
        StatusCode.OUT_OF_RANGE, "prompt and answer do not fit the model's context"
    ),
    errors.NotFound: PublicStatus(StatusCode.NOT_FOUND, "not found"),
    # This node's own documents: the caller cannot mend them.
    errors.PolicyInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "this node's policy cannot be used"
    ),
    errors.CatalogInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "this node's catalog cannot be used"
    ),
    errors.ConfigInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "this node's settings cannot be used"
    ),
    errors.StudyInvalid: PublicStatus(StatusCode.FAILED_PRECONDITION, "study cannot be used"),
    errors.StateInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "desired state cannot be used"
    ),
    errors.SoftwareInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "software release cannot be used"
    ),
    errors.SignatureInvalid: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "document is not signed as it must be"
    ),
    # Content stays where it is.
    errors.PrivacyError: PublicStatus(
        StatusCode.PERMISSION_DENIED, "refused so that content stays where it is"
    ),
    errors.LeakFound: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "graph could leak content under this node's policy"
    ),
    errors.PolicyViolation: PublicStatus(
        StatusCode.PERMISSION_DENIED, "policy forbids this passage"
    ),
    errors.GateRefused: PublicStatus(
        StatusCode.PERMISSION_DENIED, "gate found content that may not leave"
    ),
    errors.DetectionFailed: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "content could not be checked"
    ),
    errors.ApprovalRefused: PublicStatus(
        StatusCode.PERMISSION_DENIED, "nobody approved that this leaves the device"
    ),
    errors.ContentRefused: PublicStatus(
        StatusCode.PERMISSION_DENIED, "gateway found content above its clearance; check the sender"
    ),
    errors.LedgerUnavailable: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "passage could not be recorded"
    ),
    errors.GuardRefused: PublicStatus(StatusCode.PERMISSION_DENIED, "a guard refused the text"),
    errors.LedgerCorrupt: PublicStatus(StatusCode.DATA_LOSS, "ledger is corrupt"),
    errors.VaultLocked: PublicStatus(StatusCode.FAILED_PRECONDITION, "vault is locked"),
    errors.RoutingStoreUnusable: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "verdicts on routing cannot be kept on this device"
    ),
    # Who is who; one sentence for all, so that a probe learns nothing.
    errors.IdentityError: PublicStatus(StatusCode.UNAUTHENTICATED, "identity is not accepted"),
    errors.CertificateInvalid: PublicStatus(StatusCode.UNAUTHENTICATED, "identity is not accepted"),
    errors.TokenRefused: PublicStatus(StatusCode.UNAUTHENTICATED, "identity is not accepted"),
    errors.KeyRefused: PublicStatus(StatusCode.UNAUTHENTICATED, "identity is not accepted"),
    errors.NotPermitted: PublicStatus(StatusCode.PERMISSION_DENIED, "not permitted"),
    # This node, now.
    errors.CapacityExhausted: PublicStatus(StatusCode.RESOURCE_EXHAUSTED, "node is full"),
    errors.OutboxFull: PublicStatus(
        StatusCode.RESOURCE_EXHAUSTED, "no further request can wait for the cloud"
    ),
    # No client library sends this again by itself; the same key would only be told the same.
    errors.RequestQueued: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "request waits for the cloud; fetch its answer by its key"
    ),
    errors.BudgetExhausted: PublicStatus(
        StatusCode.RESOURCE_EXHAUSTED, "budget has no room for this call"
    ),
    errors.PriceMissing: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "model has no price, and a budget of money applies"
    ),
    errors.CallInFlight: PublicStatus(
        StatusCode.ABORTED, "a call with this idempotency key is still being answered"
    ),
    errors.AlreadyAnswered: PublicStatus(
        StatusCode.ALREADY_EXISTS, "the call with this idempotency key was answered already"
    ),
    errors.DeadlineExceeded: PublicStatus(StatusCode.DEADLINE_EXCEEDED, "time ran out"),
    errors.RequestUnfinished: PublicStatus(
        StatusCode.DEADLINE_EXCEEDED, "request did not arrive in time"
    ),
    errors.Cancelled: PublicStatus(StatusCode.CANCELLED, "cancelled"),
    errors.BackendUnavailable: PublicStatus(StatusCode.UNAVAILABLE, "model backend is down"),
    errors.DatabaseUnavailable: PublicStatus(
        StatusCode.UNAVAILABLE, "this node's database does not answer"
    ),
    errors.EngineCrashed: PublicStatus(StatusCode.UNAVAILABLE, "model process died"),
    errors.UpstreamUnavailable: PublicStatus(
        StatusCode.UNAVAILABLE, "language model provider did not answer"
    ),
    errors.StreamBroken: PublicStatus(StatusCode.ABORTED, "stream ended without its finish reason"),
    errors.CloudAway: PublicStatus(StatusCode.UNAVAILABLE, "cloud cannot be reached"),
    errors.ModelInvalid: PublicStatus(StatusCode.FAILED_PRECONDITION, "model cannot be used"),
    errors.ModelTooLarge: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "model needs more memory than this node may give it"
    ),
    errors.AddressInUse: PublicStatus(StatusCode.FAILED_PRECONDITION, "address is in use"),
    errors.StateUnhealthy: PublicStatus(
        StatusCode.FAILED_PRECONDITION, "new state failed its health check"
    ),
    errors.NotImplementedYet: PublicStatus(StatusCode.UNIMPLEMENTED, "not served by this version"),
}
CRASH: Final = PublicStatus(StatusCode.INTERNAL, "internal error")

_BY_CODE: Final[Mapping[StatusCode, type[errors.LeewardError]]] = {
    StatusCode.CANCELLED: errors.Cancelled,
    StatusCode.UNKNOWN: errors.BackendUnavailable,
    StatusCode.INVALID_ARGUMENT: errors.RequestInvalid,
    StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    StatusCode.NOT_FOUND: errors.NotFound,
    StatusCode.ALREADY_EXISTS: errors.RequestInvalid,
    StatusCode.PERMISSION_DENIED: errors.NotPermitted,
    StatusCode.RESOURCE_EXHAUSTED: errors.CapacityExhausted,
    StatusCode.FAILED_PRECONDITION: errors.RequestInvalid,
    StatusCode.ABORTED: errors.BackendUnavailable,
    StatusCode.OUT_OF_RANGE: errors.ContextOverflow,
    StatusCode.UNIMPLEMENTED: errors.NotImplementedYet,
    StatusCode.INTERNAL: errors.BackendUnavailable,
    StatusCode.UNAVAILABLE: errors.BackendUnavailable,
    StatusCode.DATA_LOSS: errors.BackendUnavailable,
    StatusCode.UNAUTHENTICATED: errors.IdentityError,
}


def known_class(error: errors.LeewardError) -> type[errors.LeewardError]:
    """Return the class under which ``error`` is known to the table: its own, or the nearest."""
    return next(kind for kind in type(error).__mro__ if kind in CATALOGUE)


def public_status(error: errors.LeewardError) -> PublicStatus:
    """Return what a remote caller may learn about ``error``."""
    return CATALOGUE[known_class(error)]


def by_code(code: StatusCode) -> type[errors.LeewardError]:
    """Return the class for a status that came without our details."""
    return _BY_CODE.get(code, errors.BackendUnavailable)
