"""The floor of ``bench.gateway``: the async ``openai`` SDK straight to the upstream, no gateway.

Every gateway on the SDK pays its price; what is left above it is the gateway's own.
"""

from __future__ import annotations

import time
from typing import Any

import openai
from openai import AsyncOpenAI

from bench.gateway_call import NUMBER, Answered, CallFailed

__all__ = ["SdkCaller", "sdk_client"]


def sdk_client(port: int) -> AsyncOpenAI:
    """Return a client of the upstream as a program would make it, once; it retries nothing."""
    return AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="bench", max_retries=0)


class SdkCaller:
    """Makes one call after the other through a client that many share."""

    def __init__(self, client: AsyncOpenAI, body: dict[str, Any]) -> None:
        self._client = client
        self._body = body
        self._said: list[str] = []

    async def call(self, number: int) -> Answered:
        """Make one call and read it to its end.

        Raises:
            CallFailed: The SDK failed.
        """
        body = {**self._body, "messages": _numbered(self._body["messages"], number)}
        create: Any = self._client.chat.completions.create  # its overloads refuse a built mapping
        arrivals: list[float] = []
        self._said = []
        started_s = time.perf_counter()
        try:
            answer = await create(**body)
            if not body.get("stream"):
                self._said.append(answer.choices[0].message.content)
                return Answered(started_s, time.perf_counter(), ())
            async for event in answer:
                arrivals.append(time.perf_counter())
                if event.choices:
                    self._said.append(event.choices[0].delta.content or "")
        except openai.OpenAIError as error:
            raise CallFailed(type(error).__name__, seen=len(arrivals)) from error
        return Answered(started_s, time.perf_counter(), tuple(arrivals))

    def text(self) -> str:
        """Return what the last answer said."""
        return "".join(self._said)

    def close(self) -> None:
        """Nothing of its own to close: the client holds the connections."""


def _numbered(messages: list[dict[str, str]], number: int) -> list[dict[str, str]]:
    mark = NUMBER.decode()
    return [{**turn, "content": turn["content"].replace(mark, f"{number:08}")} for turn in messages]
