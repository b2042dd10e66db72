"""A channel behind which another one is put while calls run.

Each call stays on the channel that it began on; new calls take the newest. A former channel is
closed when its last call has ended. So a client changes its certificate, which gRPC binds to a
channel for good, without a dropped stream or a failed call.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc

__all__ = ["SwappingChannel"]

_LAST_WORD_S: Final = 1.0
"""How long what a call still has to read may take after its status has come."""


class SwappingChannel(grpc.aio.Channel):
    """A channel that can be replaced.

    Args:
        first: Serves until :meth:`swap`; closed by this one.
    """

    def __init__(self, first: grpc.aio.Channel) -> None:
        self._tenure = _Tenure(first)
        self._former: set[_Tenure] = set()

    def swap(self, newer: grpc.aio.Channel) -> None:
        """Use ``newer`` for every call that begins from now on."""
        former, self._tenure = self._tenure, _Tenure(newer)
        self._former.add(former)
        former.retire()

    @property
    def draining(self) -> int:
        """How many former channels still carry calls."""
        return sum(not tenure.is_unused.is_set() for tenure in self._former)

    async def drain(self) -> None:
        """Close every former channel once its calls have ended."""
        for tenure in tuple(self._former):
            await tenure.is_unused.wait()
            self._former.discard(tenure)
            await tenure.channel.close(_LAST_WORD_S)

    async def __aenter__(self) -> SwappingChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Close all channels; calls that run are given ``grace`` seconds, then cancelled."""
        tenures = (*self._former, self._tenure)
        self._former.clear()
        await asyncio.gather(*(tenure.channel.close(grace) for tenure in tenures))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return how the newest channel stands."""
        return self._tenure.channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the newest channel stands otherwise."""
        await self._tenure.channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the newest channel is connected."""
        await self._tenure.channel.channel_ready()

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        """Return what calls a method."""
        return _Method(self, "unary_unary", arguments, named)

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        """Return what calls a method."""
        return _Method(self, "unary_stream", arguments, named)

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        """Return what calls a method."""
        return _Method(self, "stream_unary", arguments, named)

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        """Return what calls a method."""
        return _Method(self, "stream_stream", arguments, named)

    def _begin(self, method: _Method, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return self._tenure.begin(method, arguments, named)


class _Method:
    """One method of a service, on whichever channel is the newest when it is called."""

    def __init__(
        self, owner: SwappingChannel, kind: str, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        self._owner = owner
        self._kind = kind
        self._arguments = arguments
        self._named = named
        # Stubs come and go, one for every call where somebody likes it so: their methods are alike.
        self.key = (kind, arguments, tuple(sorted(named.items())))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._owner._begin(self, arguments, named)  # noqa: SLF001 - two halves of one class

    def on(self, channel: grpc.aio.Channel) -> Any:
        """Return the method of one channel."""
        return getattr(channel, self._kind)(*self._arguments, **self._named)


class _Tenure:
    """One channel, and how many calls run on it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.is_unused = asyncio.Event()
        self._methods: dict[object, Any] = {}
        self._calls = 0
        self._is_over = False

    def begin(self, method: _Method, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if method.key not in self._methods:
            self._methods[method.key] = method.on(self.channel)
        call = self._methods[method.key](*arguments, **named)
        self._calls += 1
        call.add_done_callback(self._ended)
        return call

    def retire(self) -> None:
        self._is_over = True
        self._settle()

    def _ended(self, _call: Any) -> None:
        self._calls -= 1
        self._settle()

    def _settle(self) -> None:
        if self._is_over and not self._calls:
            self.is_unused.set()
