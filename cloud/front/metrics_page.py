"""``GET /metrics`` on a listener of its own, so that no caller's key reads what all callers do."""

import hmac
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

__all__ = ["metrics_app"]


def metrics_app(exposition: Callable[[], bytes], *, token: str | None) -> ASGIApp:
    """Return an application that shows metrics to whoever has the token, or to all without one."""
    expected = f"Bearer {token}".encode()

    async def show(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if token is not None and not hmac.compare_digest(given, expected):
            return PlainTextResponse("bring the token\n", 401, {"www-authenticate": "Bearer"})
        return Response(exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(routes=[Route("/metrics", show, methods=["GET"])])
