"""What answers can be exchanged while the servers run: calls that run end as they began.

The servers are started once, with the doors that stand here; behind each door is whatever was put
there last. Knows gRPC's and ASGI's forms, and nothing of what answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import grpc
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["LiveApp", "LiveHandlers", "collect"]


class LiveHandlers(grpc.GenericRpcHandler):
    """The gRPC door: a new call goes to what stands behind it now."""

    def __init__(self) -> None:
        self.handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]] = {}
        """By full method name, such as ``/leeward.v1.Admin/Status``."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return what answers a method; gRPC asks at the begin of each call."""
        return self.handlers.get(handler_call_details.method)


class LiveApp:
    """The HTTP door, likewise."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self.app(scope, receive, send)


def collect(
    add: Callable[[grpc.aio.Server], None],
) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
    """Return the handlers that ``add`` would give a server, by full method name."""
    collector = _Collector()
    add(cast("grpc.aio.Server", collector))
    return collector.handlers


class _Collector:
    """Takes what generated code gives to a server."""

    def __init__(self) -> None:
        self.handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Do nothing: the same handlers come by name, too."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Keep handlers by the names of their methods."""
        self.handlers |= {f"/{service}/{name}": one for name, one in handlers.items()}
