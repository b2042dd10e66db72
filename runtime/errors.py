"""Every failure this system can name.

LeewardError
├── DocumentInvalid             a file cannot be used; names file, line and field
│   ├── GraphInvalid            a graph that cannot run as written
│   ├── PolicyInvalid           a policy that cannot be applied as written
│   ├── CatalogInvalid          a catalog that cannot be used as written
│   ├── StudyInvalid            a study, its tasks or its journal that cannot be used as written
│   ├── StateInvalid            a fleet's desired state that a device cannot take as it is
│   ├── SoftwareInvalid         a release of the software that this device cannot be moved to
│   ├── SignatureInvalid        a document that nobody who is trusted here has signed as it is
│   └── ConfigInvalid           settings or a configuration file
├── RequestInvalid              the caller's message cannot be served as sent
│   └── RequestTooLarge         it holds more than this node reads
├── NotFound                    no graph, model, session or record of that name
├── PrivacyError
│   ├── LeakFound               the flow check found a path on which content could leak
│   ├── PolicyViolation         content was about to reach a node below its label
│   ├── GateRefused             the gate's own scan found what a release should have removed
│   ├── DetectionFailed         a detector failed and the policy says to refuse
│   ├── ApprovalRefused         nobody approved what the policy wants approved
│   ├── ContentRefused          a gateway found content above its own clearance
│   └── LedgerUnavailable       the passage could not be recorded, so it did not happen
├── GuardRefused                a guard refused a text on its way to or from a model
├── LedgerCorrupt               the record was altered, reordered or cut
├── VaultLocked                 the vault's key is missing or does not fit
├── RoutingStoreUnusable        what routing has learned of verdicts cannot be read or written
├── IdentityError
│   ├── CertificateInvalid      a certificate is expired, foreign or malformed
│   ├── TokenRefused            a join token is unknown, used or expired
│   ├── KeyRefused              an API key is unknown, revoked or expired
│   └── NotPermitted            the verified peer may not do this
├── CapacityExhausted           this node is full, try again later
│   └── OutboxFull              no further request can wait here for the cloud
├── RequestQueued               the request waits for the cloud, its answer is fetched by its key
├── BudgetExhausted             a budget has no room for the call until it renews
├── PriceMissing                a model without a price was asked for under a budget of money
├── CallInFlight                the same call, by its idempotency key, is still being answered
├── AlreadyAnswered             the same call was answered and charged, its answer is kept no more
├── ContextOverflow             prompt and answer do not fit the model's context
├── DeadlineExceeded            the caller's time ran out
│   └── RequestUnfinished       its message did not arrive in time
├── Cancelled                   the caller went away
├── BackendUnavailable          this node is broken, try another one
│   ├── DatabaseUnavailable     the gateway's database failed or did not answer
│   ├── EngineCrashed           the model's process died under the request
│   └── UpstreamUnavailable     the LLM provider did not answer
├── StreamBroken                a stream ended without its finish reason
├── CloudAway                   the cloud cannot be reached and the policy allows no other way
├── ModelInvalid                a model file is missing, truncated or not a model
├── ModelTooLarge               a model needs more memory than this node may give it
├── AddressInUse                a port is taken
├── StateUnhealthy              a new desired state failed its health check
└── NotImplementedYet           a later change fills this in

Names carry no transport: ``runtime.rpc.status`` maps each to a gRPC status and
``runtime.cli.exit_codes`` to an exit code. An error's text is for operators; it never holds
prompt or completion text.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

__all__ = [
    "AddressInUse", "AlreadyAnswered", "ApprovalRefused", "BackendUnavailable",
    "BudgetExhausted", "CallInFlight", "Cancelled", "CapacityExhausted", "CatalogInvalid",
    "CertificateInvalid", "CloudAway", "ConfigInvalid", "ContentRefused", "ContextOverflow",
    "DatabaseUnavailable", "DeadlineExceeded", "DetectionFailed", "DocumentInvalid",
    "EngineCrashed", "GateRefused", "GraphInvalid", "GuardRefused", "IdentityError", "KeyRefused",
    "LeakFound",
    "LedgerCorrupt", "LedgerUnavailable", "LeewardError", "ModelInvalid", "ModelTooLarge",
    "NotFound", "NotImplementedYet", "NotPermitted", "OutboxFull", "PolicyInvalid",
    "PolicyViolation", "PriceMissing", "PrivacyError", "RequestInvalid", "RequestQueued",
    "RequestTooLarge", "RequestUnfinished", "RoutingStoreUnusable", "SignatureInvalid",
    "SoftwareInvalid", "StateInvalid", "StateUnhealthy", "StreamBroken", "StudyInvalid",
    "TokenRefused", "UpstreamUnavailable", "VaultLocked",
]  # fmt: skip


class LeewardError(Exception):
    """Base of all named failures."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later or elsewhere without being changed."""

    ledger_position: int | None = None
    """Set by the gate on a failure that came after the passage was recorded."""

    payload_bytes: int = 0
    """Of the call whose passage that was."""


class DocumentInvalid(LeewardError):
    """A file cannot be used; the text names file, line and field.

    Args:
        reason: One sentence that says what is wrong and what would be right.
        file: Path or name of the document, as the user gave it.
        line: One-based line, or 0 when the problem has no single place.
        field: Dotted path of the field, or empty.
    """

    def __init__(self, reason: str, *, file: str = "", line: int = 0, field: str = "") -> None:
        place = ":".join(part for part in (file, str(line) if line else "") if part)
        subject = f"{field}: " if field else ""
        super().__init__(f"{place}: {subject}{reason}" if place else f"{subject}{reason}")
        self.reason = reason
        self.file = file
        self.line = line
        self.field = field


class GraphInvalid(DocumentInvalid):
    """A graph cannot run as written."""


class PolicyInvalid(DocumentInvalid):
    """A policy cannot be applied as written."""


class CatalogInvalid(DocumentInvalid):
    """A catalog cannot be used as written."""


class StateInvalid(DocumentInvalid):
    """A fleet's desired state that a device cannot take as it is."""


class SoftwareInvalid(DocumentInvalid):
    """A release of the software that a device cannot be moved to."""


class StudyInvalid(DocumentInvalid):
    """A study, its tasks or its journal cannot be used as written."""


class SignatureInvalid(DocumentInvalid):
    """A document's signature is missing, broken, or by nobody who is trusted here."""


class ConfigInvalid(DocumentInvalid):
    """Settings or a configuration file cannot be used as written."""


class RequestInvalid(LeewardError):
    """The caller's message cannot be served as sent.

    Args:
        reason: What is wrong with it; never quotes content.
        field: Path of the offending field (``messages[3].role``), or empty. It is shown to the
            caller, the reason is not.
    """

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field


class RequestTooLarge(RequestInvalid):
    """The caller's message holds more than this node reads."""


class NotFound(LeewardError):
    """There is no graph, model, session or record of that name."""


class PrivacyError(LeewardError):
    """Base of the failures that keep content where it is."""


class LeakFound(PrivacyError):
    """The flow check found a path on which content could reach a node below its label.

    Args:
        reason: One sentence naming step, node, label and clearance.
        path: The offending path, from the request to the node, one hop per item.
    """

    def __init__(self, reason: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason} [{' -> '.join(path)}]" if path else reason)
        self.reason = reason
        self.path = path


class PolicyViolation(PrivacyError):
    """Content was about to reach a node whose clearance is below its label."""


class GateRefused(PrivacyError):
    """The gate's own scan found what a release should have removed."""


class DetectionFailed(PrivacyError):
    """A detector failed or timed out, and the policy refuses the request for it."""


class ApprovalRefused(PrivacyError):
    """A person said no, or nobody answered in time, and the policy says refuse."""


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class ContentRefused(PrivacyError):
    """A gateway found content above its own clearance: whoever sent it is misconfigured.

    Args:
        reason: One sentence that says what to do; never quotes content.
        found: How many spans of each category were above the clearance; 0 for a category that
            the sender declared. It is shown to the caller.
    """

    def __init__(self, reason: str, *, found: Mapping[str, int] = _NOTHING) -> None:
        super().__init__(reason)
        self.found = dict(found)


class LedgerUnavailable(PrivacyError):
    """The passage could not be recorded durably, so it did not happen."""


class GuardRefused(LeewardError):
    """A guard refused a text on its way to or from a model, or could not judge it."""


class LedgerCorrupt(LeewardError):
    """The ledger was altered, reordered or cut."""


class VaultLocked(LeewardError):
    """The vault's key is missing or does not fit."""


class RoutingStoreUnusable(LeewardError):
    """What routing has learned of verdicts cannot be read or written."""


class IdentityError(LeewardError):
    """Base of failures about who is who."""


class CertificateInvalid(IdentityError):
    """A certificate is expired, foreign or malformed."""


class TokenRefused(IdentityError):
    """A join token is unknown, used or expired."""


class KeyRefused(IdentityError):
    """An API key is unknown, revoked or expired."""


class NotPermitted(IdentityError):
    """The verified peer may not do this."""


class CapacityExhausted(LeewardError):
    """This node is full; try again later."""

    retryable = True

    def __init__(self, reason: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class OutboxFull(CapacityExhausted):
    """No further request can wait on this device for the cloud."""


class RequestQueued(LeewardError):
    """The request waits for the cloud, as the policy says; its answer is fetched by its key."""

    def __init__(self, reason: str, *, idempotency_key: str = "") -> None:
        super().__init__(reason)
        self.idempotency_key = idempotency_key


class BudgetExhausted(LeewardError):
    """A budget has no room for the call, and will not have any before it renews.

    Args:
        reason: One sentence; it names the budget and no amount.
        budget: The budget's name.
        renews_at: ISO 8601, UTC; empty when waiting does not help.
    """

    def __init__(self, reason: str, *, budget: str = "", renews_at: str = "") -> None:
        super().__init__(reason)
        self.budget = budget
        self.renews_at = renews_at


class PriceMissing(LeewardError):
    """A model has no price today, so that a budget of money cannot hold its calls."""


class CallInFlight(LeewardError):
    """The same call, by its idempotency key, is still being answered; ask again a little later."""

    retryable = True


class AlreadyAnswered(LeewardError):
    """The same call, by its idempotency key, was answered and charged; its answer is kept no more.

    A new key makes it a new call, charged again.
    """


class ContextOverflow(LeewardError):
    """Prompt and answer do not fit the model's context."""


class DeadlineExceeded(LeewardError):
    """The caller's time ran out."""


class RequestUnfinished(DeadlineExceeded):
    """The caller's message did not arrive in time."""


class Cancelled(LeewardError):
    """The caller went away."""


class BackendUnavailable(LeewardError):
    """This node is broken; try another one."""

    retryable = True


class DatabaseUnavailable(BackendUnavailable):
    """The gateway's database failed or did not answer."""


class EngineCrashed(BackendUnavailable):
    """The model's process died under the request; it is being restarted."""


class UpstreamUnavailable(BackendUnavailable):
    """The LLM provider refused, failed or did not answer in time."""


class StreamBroken(LeewardError):
    """A stream ended without its finish reason.

    Args:
        reason: Where it broke.
        received_tokens: How many tokens had arrived.
    """

    retryable = True

    def __init__(self, reason: str, *, received_tokens: int = 0) -> None:
        super().__init__(f"{reason} after {received_tokens} tokens")
        self.received_tokens = received_tokens


class CloudAway(LeewardError):
    """The cloud cannot be reached, and the policy allows no other way."""

    retryable = True


class ModelInvalid(LeewardError):
    """A model file is missing, truncated or not a model."""


class ModelTooLarge(LeewardError):
    """A model needs more memory than this node may give it."""


class AddressInUse(LeewardError):
    """A port is taken by another process."""


class StateUnhealthy(LeewardError):
    """A new desired state failed its health check, and the last good one came back."""


class NotImplementedYet(LeewardError):
    """The contract has this call; a later change fills it in."""
