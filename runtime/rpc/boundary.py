"""The border at which a servicer's failure becomes a status, and nothing else leaks out."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import Any, Final

import grpc

from runtime.errors import LeewardError
from runtime.rpc.catalogue import CRASH, known_class, public_status
from runtime.rpc.status import DETAILS_KEY, to_rich_status

__all__ = ["ErrorBoundary", "error_boundary"]

RPC_FAILED: Final = "rpc_failed"
RPC_CRASHED: Final = "rpc_crashed"

logger = logging.getLogger("leeward.rpc")


class ErrorBoundary:
    """Made by :func:`error_boundary`.

    A class rather than a generator, so that a type checker sees that it swallows nothing and lets
    a servicer return from inside it.
    """

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any], rpc: str) -> None:
        self._context = context
        self._rpc = rpc

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, LeewardError):
            await self._answer_failure(error)
        elif isinstance(error, Exception) and not _is_part_of_the_protocol(error):
            await self._answer_crash(error)

    async def _answer_failure(self, error: LeewardError) -> None:
        public = public_status(error)
        name = known_class(error).__name__
        logger.warning(
            RPC_FAILED, extra={"rpc": self._rpc, "error": name, "code": public.code.name}
        )
        details = to_rich_status(error).SerializeToString()
        await self._context.abort(public.code, public.message, ((DETAILS_KEY, details),))

    async def _answer_crash(self, error: Exception) -> None:
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
        name = type(error).__name__
        logger.error(RPC_CRASHED, extra={"rpc": self._rpc, "error": name, "frames": frames})
        await self._context.abort(CRASH.code, CRASH.message)


def error_boundary(context: grpc.aio.ServicerContext[Any, Any], rpc: str) -> ErrorBoundary:
    """Answer ``rpc`` with a public status if the enclosed block fails.

    Neither the reply nor the log holds ``str(error)``: it may quote a prompt. Cancellation passes
    through, since nobody is left to answer. Everything belongs inside, the encoding of the answer
    too: what grpc.aio itself makes of an exception is a status with the exception's text.
    """
    return ErrorBoundary(context, rpc)


def _is_part_of_the_protocol(error: Exception) -> bool:
    return isinstance(error, grpc.aio.AbortError | StopAsyncIteration)
