"""The border at which a failure becomes an HTTP answer, and nothing else leaks out."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runtime.errors import LeewardError
from runtime.http.status import retry_headers, status_of

__all__ = ["ErrorBody", "Handler", "failure", "guarded", "named_failure"]

Handler = Callable[[Request], Awaitable[Response]]
ErrorBody = Callable[[LeewardError], dict[str, Any]]
"""How much of a failure a front's callers may read."""


def guarded(handler: Handler, *, error_body: ErrorBody, logger: logging.Logger) -> Handler:
    """Return ``handler`` with every failure answered as an OpenAI error object."""

    async def guarded_handler(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - the boundary is where blind catching belongs
            return failure(named_failure(error, logger), error_body)

    return guarded_handler


def named_failure(error: Exception, logger: logging.Logger) -> LeewardError:
    """Log a failure, and return what a caller may be told of it.

    The log holds the failure's class and, for a crash, code positions; never its text.
    """
    name = type(error).__name__
    if isinstance(error, LeewardError):
        logger.warning("request_refused", extra={"error": name})
        return error
    frames = traceback.format_tb(error.__traceback__)
    logger.error("request_crashed", extra={"error": name, "frames": frames})
    return LeewardError("internal error")


def failure(error: LeewardError, error_body: ErrorBody) -> JSONResponse:
    """Return the answer for a failure that came before the first byte of another answer."""
    return JSONResponse(
        error_body(error), status_code=status_of(error), headers=retry_headers(error)
    )
