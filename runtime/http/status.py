"""Each named failure as an HTTP status and an OpenAI error object."""

import math
from http import HTTPStatus
from typing import Any, Final

from runtime import errors

__all__ = [
    "QUEUED_HEADER",
    "STATUS",
    "error_body",
    "error_code",
    "error_type",
    "retry_headers",
    "status_of",
]

_CODES: Final[dict[type[errors.LeewardError], str]] = {
    errors.NotFound: "model_not_found",
    errors.IdentityError: "invalid_api_key",
    errors.KeyRefused: "invalid_api_key",
    errors.ContextOverflow: "context_length_exceeded",
    errors.CapacityExhausted: "rate_limit_exceeded",
    errors.BudgetExhausted: "insufficient_quota",
}
_TYPES: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_RETRIED_BY_CLIENTS: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Besides 500 and above, what the stock ``openai`` client sends again unasked."""

QUEUED_HEADER: Final = "x-leeward-outbox-key"
"""Names the request that was queued."""
STATUS: Final[dict[type[errors.LeewardError], HTTPStatus]] = {
    errors.LeewardError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DocumentInvalid: HTTPStatus.BAD_REQUEST,
    errors.RequestInvalid: HTTPStatus.BAD_REQUEST,
    errors.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ContextOverflow: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.PrivacyError: HTTPStatus.FORBIDDEN,
    errors.GuardRefused: HTTPStatus.FORBIDDEN,
    errors.LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.IdentityError: HTTPStatus.UNAUTHORIZED,
    errors.NotPermitted: HTTPStatus.FORBIDDEN,
    errors.RoutingStoreUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CapacityExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    # What OpenAI answers when a quota is used up. Its client would retry a plain 429 and must not.
    errors.BudgetExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RequestQueued: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PriceMissing: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CallInFlight: HTTPStatus.CONFLICT,
    errors.AlreadyAnswered: HTTPStatus.CONFLICT,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.RequestUnfinished: HTTPStatus.REQUEST_TIMEOUT,
    errors.BackendUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SignatureInvalid: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelInvalid: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelTooLarge: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CloudAway: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StreamBroken: HTTPStatus.BAD_GATEWAY,
    errors.NotImplementedYet: HTTPStatus.NOT_IMPLEMENTED,
}
"""The nearest ancestor in the table decides."""


def status_of(error: errors.LeewardError) -> HTTPStatus:
    """Return the HTTP status of a failure."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def retry_headers(error: errors.LeewardError) -> dict[str, str]:
    """Return the headers that tell a client whether, and after how long, to send the call again.

    ``x-should-retry`` is what the stock ``openai`` client obeys before its own judgement.
    """
    if isinstance(error, errors.CapacityExhausted):
        # Whole seconds, rounded up: who comes a moment early is sent away again.
        return {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
    queued = (
        {QUEUED_HEADER: error.idempotency_key} if isinstance(error, errors.RequestQueued) else {}
    )
    status = status_of(error)
    is_retried = status in _RETRIED_BY_CLIENTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return queued | ({"x-should-retry": "false"} if is_retried and not error.retryable else {})


def error_code(error: errors.LeewardError) -> str:
    """Return the ``code`` of a failure in OpenAI's error object.

    Where OpenAI has a word for it, its word, by which clients tell a used-up budget from a limit
    of rate, and a wrong name from a wrong address; else the name of its class.
    """
    return _CODES.get(type(error)) or type(error).__name__


def error_type(error: errors.LeewardError) -> str:
    """Return the ``type`` of a failure in OpenAI's error object."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")


def error_body(error: errors.LeewardError) -> dict[str, Any]:
    """Return a failure as OpenAI clients read it.

    The text is the operator's text: the caller is a local application, which is trusted
    (DESIGN section 10), and no error's text holds prompt or completion text.
    """
    return {
        "error": {
            "message": str(error),
            "type": error_type(error),
            "code": error_code(error),
            "param": getattr(error, "field", "") or None,
        }
    }
