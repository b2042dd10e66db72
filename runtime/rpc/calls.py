"""Reading what a remote node answers, with every way it can fail made a named failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc

from runtime.errors import BackendUnavailable, LeewardError, RequestInvalid, StreamBroken
from runtime.rpc.status import from_rpc_error, has_details

__all__ = ["Metadata", "read_answer", "read_to_last"]

Metadata = Sequence[tuple[str, str | bytes]]
"""What travels beside a message, such as ``traceparent``; never content."""
MessageT = TypeVar("MessageT")
ItemT = TypeVar("ItemT")


async def read_answer(call: Awaitable[MessageT], decode: Callable[[MessageT], ItemT]) -> ItemT:
    """Return the decoded answer of a unary call.

    Raises:
        BackendUnavailable: The node sent what the contract does not know.
        LeewardError: Whatever the node reported.
    """
    try:
        message = await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
    try:
        return decode(message)
    except RequestInvalid:
        raise _outside_contract() from None


async def read_to_last(
    start: Callable[[], grpc.aio.UnaryStreamCall[Any, MessageT]],
    decode: Callable[[MessageT], ItemT],
    *,
    is_last: Callable[[ItemT], bool],
    tokens_in: Callable[[ItemT], int],
) -> AsyncGenerator[ItemT]:
    """Yield the items of a streaming call, the last one once the call has ended.

    Closing the iterator, or cancelling its reader, cancels the call.

    Args:
        start: Starts the call, when the first item is asked for.
        decode: Message to item; raises ``RequestInvalid`` for what the contract does not know.
        is_last: Whether an item ends the stream.
        tokens_in: How many generated tokens an item carries, for the report of a break.

    Raises:
        StreamBroken: The stream ended, or the link broke, before the last item.
        BackendUnavailable: The node sent what the contract does not know.
        LeewardError: Whatever the node reported.
    """
    last: ItemT | None = None
    received_tokens = 0
    call = start()
    try:
        async for message in call:
            if last is not None:
                raise _outside_contract()
            item = _decoded(message, decode)
            if is_last(item):
                # Held until the call has ended, so that a reader who stops here cancels nothing.
                last = item
                continue
            received_tokens += tokens_in(item)
            yield item
    except grpc.aio.AioRpcError as error:
        # What follows the last item takes nothing from a complete answer.
        if last is None:
            raise _stream_failure(error, received_tokens) from None
    finally:
        call.cancel()
    if last is None:
        raise StreamBroken("stream ended without its last item", received_tokens=received_tokens)
    yield last


def _stream_failure(error: grpc.aio.AioRpcError, received_tokens: int) -> LeewardError:
    failure = from_rpc_error(error)
    is_link_failure = isinstance(failure, BackendUnavailable) and not has_details(error)
    if is_link_failure and received_tokens:
        return StreamBroken("the link broke", received_tokens=received_tokens)
    return failure


def _decoded(message: MessageT, decode: Callable[[MessageT], ItemT]) -> ItemT:
    try:
        return decode(message)
    except RequestInvalid:
        raise _outside_contract() from None


def _outside_contract() -> BackendUnavailable:
    return BackendUnavailable("the node sent a message outside the contract")
