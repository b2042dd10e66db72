"""Read a request's body: bounded in size and time, validated, and never quoted when it is wrong."""

import asyncio
import re
from typing import Final, TypeVar

import pydantic
from starlette.requests import Request
from starlette.types import Receive

from runtime.errors import Cancelled, RequestInvalid, RequestTooLarge, RequestUnfinished

__all__ = ["BODY_TIMEOUT_S", "MAX_BODY_BYTES", "parse_shape", "read_body", "read_shape"]

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""The most that a request may hold."""
BODY_TIMEOUT_S: Final = 60.0
"""How long a body may take to arrive, seconds."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SHOWN_KINDS: Final = (
    *("greater_than", "less_than", "too_short", "too_long", "string_too", "string_pattern"),
    *("literal_error", "missing", "finite_number"),
)
_OUR_WORDS: Final = (
    *(("Input should be", "must be"), ("String should", "must"), ("List should", "must")),
    *((" after validation", ""), ("Field required", "must be given")),
)
_Shape = TypeVar("_Shape", bound=pydantic.BaseModel)


async def read_body(
    receive: Receive, *, max_bytes: int = MAX_BODY_BYTES, timeout_s: float = BODY_TIMEOUT_S
) -> bytes:
    """Return the body of a request.

    Raises:
        RequestTooLarge: It is larger than ``max_bytes``; the rest was not read.
        RequestUnfinished: It took longer than ``timeout_s`` to arrive.
        Cancelled: The caller went away before its end.
    """
    received = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Cancelled("the caller went away")
                received += message.get("body", b"")
                if len(received) > max_bytes:
                    raise RequestTooLarge(f"the body is larger than {max_bytes} bytes")
                if not message.get("more_body", False):
                    return bytes(received)
    except TimeoutError:
        raise RequestUnfinished(f"the body took longer than {timeout_s:g} s") from None


def parse_shape(body: bytes, shape: type[_Shape]) -> _Shape:
    """Return a body as a ``shape``.

    Raises:
        RequestInvalid: It is not JSON of that shape; names the place and the rule.
    """
    try:
        return shape.model_validate_json(body)
    except pydantic.ValidationError as error:
        # Only place and rule: the value itself may be part of a prompt.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(_shown(part) for part in first["loc"]) or "body"
        raise RequestInvalid(_rule(first["type"], first["msg"]), field=place) from None


def _rule(kind: str, message: str) -> str:
    """Say what was broken. Only messages that are known to hold the rule and no value are shown."""
    if kind.startswith(_SHOWN_KINDS) or kind.endswith(("_type", "_parsing")):
        says = message.partition(",")[0] if kind.endswith("_parsing") else message
        for theirs, ours in _OUR_WORDS:
            says = says.replace(theirs, ours, 1)
        return says
    return kind.replace("_", " ")


def _shown(part: int | str) -> str:
    """Return a step of a path; a name that the caller made up may be part of a prompt too."""
    return str(part) if isinstance(part, int) or _NAME.fullmatch(part) else "*"


async def read_shape(request: Request, shape: type[_Shape]) -> _Shape:
    """Return the body of ``request`` as a ``shape``; raises as the two above do."""
    return parse_shape(await read_body(request.receive), shape)
