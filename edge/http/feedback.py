"""``POST /v1/feedback``: what a caller says of an answer, over HTTP."""

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.feedback.verdicts import Verdicts
from runtime.http.body import read_shape
from runtime.ids import RequestId

__all__ = ["FeedbackRoute"]


class _FeedbackRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    request_id: str = Field(min_length=1, max_length=64)
    """As ``x-leeward-request-id`` and the receipt name it."""
    verdict: Literal["right", "wrong"]


class FeedbackRoute:
    """Takes verdicts of callers."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts

    async def take(self, request: Request) -> Response:
        """Take one verdict; say who could use it."""
        body = await read_shape(request, _FeedbackRequest)
        taken = await self._verdicts.give(RequestId(body.request_id), body.verdict)
        return JSONResponse(
            {"object": "leeward.feedback", "request_id": body.request_id, **asdict(taken)}
        )
