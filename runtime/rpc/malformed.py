"""Requests whose bytes are no message: refused by name, as any other bad request is.

Left alone, gRPC answers ``UNKNOWN`` with the parser's text, and prints a traceback for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from runtime.errors import RequestInvalid

__all__ = ["MalformedRequests"]


class MalformedRequests(grpc.aio.ServerInterceptor):
    """Hands servicers something in place of a malformed request that refuses to be read."""

    def __init__(self) -> None:
        self._known: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the method's handler with a parser that does not raise."""
        method = handler_call_details.method
        known = self._known.get(method)
        if known is None:
            known = _tolerant(await continuation(handler_call_details))
            if known is not None:
                self._known[method] = known
        return known


class _Malformed:
    """A request that could not be parsed; its servicer's first look at it refuses the call."""

    def __getattr__(self, _name: str) -> NoReturn:
        raise RequestInvalid("the bytes are not a message of the contract")


def _tolerant(handler: Any) -> Any:
    if handler is None or handler.request_deserializer is None:
        return handler
    parse = handler.request_deserializer

    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            return _Malformed()

    return handler._replace(request_deserializer=parsed)
