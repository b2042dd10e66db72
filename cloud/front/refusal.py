"""What a caller of the HTTP front may read of a failure, in the words that OpenAI clients know.

As over gRPC, one fixed sentence for each class (``runtime.rpc.catalogue``): an error's own text is
for operators. Excepted are the classes whose text is made for the caller: what is wrong with its
request, what kinds of content in it may not be here, and which of its budgets is used up.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeGuard

from runtime import errors
from runtime.http.status import error_code, status_of
from runtime.rpc.catalogue import public_status

__all__ = ["error_body"]

_SHOWN: Final = (
    errors.RequestInvalid,
    errors.NotImplementedYet,
    errors.BudgetExhausted,
    errors.LeakFound,
    errors.ContentRefused,
)
_SENTENCES: Final[Mapping[type[errors.LeewardError], str]] = {
    errors.NotFound: "no model or graph of that name; GET /v1/models lists what this key may use",
    errors.IdentityError: "the API key is missing, unknown, expired or revoked",
}
_CODES: Final[Mapping[type[errors.LeewardError], str]] = {
    errors.NotFound: "model_not_found",
    errors.IdentityError: "invalid_api_key",
    errors.ContextOverflow: "context_length_exceeded",
    errors.CapacityExhausted: "rate_limit_exceeded",
}
_TYPES: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


def error_body(error: errors.LeewardError) -> dict[str, Any]:
    """Return a failure as an OpenAI error object."""
    return {
        "error": {
            "message": _message(error),
            "type": _type(status_of(error)),
            "param": _field(error) or None,
            "code": _CODES.get(type(error)) or error_code(error),
        }
    }


def _message(error: errors.LeewardError) -> str:
    if isinstance(error, _SHOWN):
        return str(error)
    if _is_callers_graph(error):
        return str(error)
    return _SENTENCES.get(type(error)) or public_status(error).message


def _field(error: errors.LeewardError) -> str:
    if isinstance(error, errors.RequestInvalid):
        return error.field
    return error.field if _is_callers_graph(error) else ""


def _is_callers_graph(error: errors.LeewardError) -> TypeGuard[errors.GraphInvalid]:
    """Whether it is about a graph as the caller chose or sent it, and not about a file here."""
    return isinstance(error, errors.GraphInvalid) and not error.file


def _type(status: HTTPStatus) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return _TYPES.get(status, "invalid_request_error")
