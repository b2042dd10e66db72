"""Callers of ``bench.edge_serving``: streams with the times at which their tokens came."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import httpx

from runtime.ids import ModelName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling
from runtime.rpc.inference_client import InferenceClient

__all__ = ["Stream", "ask_node", "ask_packaged", "prompt_of", "rate_of"]

_TIMEOUT_S: Final = 300.0


@dataclass(slots=True)
class Stream:
    """What came of one call, and when."""

    sent_s: float
    tokens: list[tuple[float, int]] = field(default_factory=list)
    """Arrival and number of tokens of every piece."""
    text: str = ""
    completion: Completion | None = None
    has_first: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def first_s(self) -> float:
        """From the call to its first piece, seconds."""
        return self.tokens[0][0] - self.sent_s

    @property
    def count(self) -> int:
        """Tokens that came."""
        return sum(count for _, count in self.tokens)

    @property
    def rate(self) -> float:
        """Tokens per second after the first piece; since the call where all came in one piece."""
        (first_s, first), (last_s, _) = self.tokens[0], self.tokens[-1]
        if len(self.tokens) == 1 or last_s == first_s:
            return self.count / (last_s - self.sent_s)
        return (self.count - first) / (last_s - first_s)

    def gaps_s(self, since_s: float, until_s: float) -> list[float]:
        """Times between consecutive pieces, of those that ended within a window."""
        times = [at for at, _ in self.tokens]
        return [
            later - earlier
            for earlier, later in itertools.pairwise(times)
            if since_s <= later <= until_s
        ]

    def take(self, text: str, tokens: int) -> None:
        """Note a piece that has just come."""
        self.tokens.append((perf_counter(), tokens))
        self.text += text
        self.has_first.set()


def prompt_of(tokens: int, number: int = 0) -> str:
    """Return a text of that many tokens; the bench's vocabulary has one per character.

    Different numbers give texts that differ from the start.
    """
    text = f"{number:04d}" + "abcdefghij" * (tokens // 10 + 1)
    return text[:tokens]


async def ask_node(
    client: InferenceClient,
    model: str,
    prompt: str,
    *,
    max_tokens: int,
    stream: Stream | None = None,
    **sampling: Any,
) -> Stream:
    """Have our node answer; cancelling the task cancels the call."""
    stream = stream or Stream(perf_counter())
    stream.sent_s = perf_counter()
    request = GenerateRequest(
        ModelName(model),
        (ChatMessage("user", prompt),),
        Sampling(max_tokens=max_tokens, **sampling),
        timeout_s=_TIMEOUT_S,
    )
    async for chunk in client.generate(request):
        if isinstance(chunk, Completion):
            stream.completion = chunk
        else:
            stream.take(chunk.text, chunk.tokens)
    return stream


async def ask_packaged(http: httpx.AsyncClient, prompt: str, *, max_tokens: int) -> Stream:
    """Have the packaged server answer; every event of its stream is one token."""
    stream = Stream(perf_counter())
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0.0,
        "stream": True,
    }
    async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
            if delta.get("content"):
                stream.take(delta["content"], 1)
    return stream


def rate_of(streams: Sequence[Stream]) -> float:
    """Return tokens per second of all streams together, from the first call to the last token."""
    since_s = min(stream.sent_s for stream in streams)
    until_s = max(stream.tokens[-1][0] for stream in streams)
    return sum(stream.count for stream in streams) / (until_s - since_s)
