"""Serve a GGUF file with llama.cpp's stock OpenAI-compatible server on loopback.

The server is a child process of its own, as for every model in this project, and ends by its
process id when the block is left. Nothing here loads libllama.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from runtime.executor.prompts import ChatMessage

__all__ = ["Generate", "ServerFailed", "serving"]

Generate = Callable[[Sequence[ChatMessage]], str]
"""A chat in, the model's text out."""

_START_LIMIT_S: Final = 60.0
_ANSWER_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.1
_STOP_LIMIT_S: Final = 5.0
_CONTEXT_TOKENS: Final = 1024


class ServerFailed(RuntimeError):
    """The server ended or did not come up in time."""


@contextmanager
def serving(
    weights: Path, *, max_tokens: int = 160, temperature: float = 0.0, threads: int = 1
) -> Iterator[Generate]:
    """Serve ``weights`` while the block runs.

    Args:
        weights: The GGUF file.
        max_tokens: Longest answer.
        temperature: 0 is greedy.
        threads: CPU threads of the server.

    Yields:
        The callable that answers one chat.

    Raises:
        ServerFailed: The server did not come up.
    """
    port = _free_port()
    command = [
        *(sys.executable, "-m", "llama_cpp.server", "--model", str(weights)),
        *("--host", "127.0.0.1", "--port", str(port), "--interrupt_requests", "false"),
        *("--n_ctx", str(_CONTEXT_TOKENS), "--n_threads", str(threads)),
        *("--n_threads_batch", str(threads), "--verbose", "false"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/v1", timeout=_ANSWER_LIMIT_S, trust_env=False
        ) as client:
            _wait_until_up(process, client)

            def generate(messages: Sequence[ChatMessage]) -> str:
                reply = client.post(
                    "/chat/completions",
                    json={
                        "messages": [{"role": m.role, "content": m.content} for m in messages],
                        "max_tokens": max_tokens,
                        "temperature": temperature,
                    },
                )
                reply.raise_for_status()
                return str(reply.json()["choices"][0]["message"]["content"])

            yield generate
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], client: httpx.Client) -> None:
    deadline_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise ServerFailed(f"llama_cpp.server ended with {process.returncode}")
        try:
            client.get("/models").raise_for_status()
        except httpx.HTTPError:
            time.sleep(_POLL_S)
        else:
            return
    raise ServerFailed(f"llama_cpp.server was not up after {_START_LIMIT_S:.0f} s")
