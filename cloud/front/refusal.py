"""What a caller of the HTTP front may read of a failure, in the words that OpenAI clients know.

As over gRPC, one fixed sentence for each class (``runtime.rpc.catalogue``): an error's own text is
for operators. Excepted are the classes whose text is made for the caller: what is wrong with its
request, what kinds of content in it may not be here, and which of its budgets is used up.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from runtime import errors
from runtime.http.status import error_code, error_type
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


def error_body(error: errors.LeewardError) -> dict[str, Any]:
    """Return a failure as an OpenAI error object."""
    return {
        "error": {
            "message": _message(error),
            "type": error_type(error),
            "param": _field(error) or None,
            "code": error_code(error),
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
