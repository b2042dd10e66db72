"""Read a request's body: bounded, validated, and never quoted when it is wrong."""

from typing import TypeVar

import pydantic
from starlette.requests import Request

from runtime.errors import RequestInvalid, RequestTooLarge

__all__ = ["MAX_BODY_BYTES", "read_shape"]

MAX_BODY_BYTES = 8 * 1024 * 1024
"""The most that a request may hold."""
_Body = TypeVar("_Body", bound=pydantic.BaseModel)


async def read_shape(
    request: Request, shape: type[_Body], *, max_bytes: int = MAX_BODY_BYTES
) -> _Body:
    """Return the body of ``request`` as a ``shape``.

    Raises:
        RequestTooLarge: It is larger than ``max_bytes``; the rest was not read.
        RequestInvalid: It is not JSON of that shape; names the place and the rule.
    """
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > max_bytes:
            raise RequestTooLarge(f"the body is larger than {max_bytes} bytes")
    try:
        return shape.model_validate_json(bytes(received))
    except pydantic.ValidationError as error:
        # Only place and rule: the value itself may be part of a prompt.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise RequestInvalid(first["type"].replace("_", " "), field=place) from None
