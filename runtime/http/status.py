"""Each named failure as an HTTP status and an OpenAI error object."""

from http import HTTPStatus
from typing import Any, Final

from runtime import errors

__all__ = ["STATUS", "error_body", "status_of"]

STATUS: Final[dict[type[errors.LeewardError], HTTPStatus]] = {
    errors.LeewardError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DocumentInvalid: HTTPStatus.BAD_REQUEST,
    errors.RequestInvalid: HTTPStatus.BAD_REQUEST,
    errors.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ContextOverflow: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.PrivacyError: HTTPStatus.FORBIDDEN,
    errors.LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.IdentityError: HTTPStatus.UNAUTHORIZED,
    errors.NotPermitted: HTTPStatus.FORBIDDEN,
    errors.CapacityExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.BackendUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CloudAway: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StreamBroken: HTTPStatus.BAD_GATEWAY,
    errors.NotImplementedYet: HTTPStatus.NOT_IMPLEMENTED,
}
"""The nearest ancestor in the table decides."""


def status_of(error: errors.LeewardError) -> HTTPStatus:
    """Return the HTTP status of a failure."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def error_body(error: errors.LeewardError) -> dict[str, Any]:
    """Return a failure as OpenAI clients read it.

    The text is the operator's text: the caller is a local application, which is trusted
    (DESIGN section 10), and no error's text holds prompt or completion text.
    """
    return {
        "error": {
            "message": str(error),
            "type": "leeward_error",
            "code": type(error).__name__,
            "param": None,
        }
    }
