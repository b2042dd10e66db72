"""A real OpenAI-compatible LLM server on loopback: llama-cpp-python's packaged one."""

import asyncio
import os
import secrets
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from runtime.local.ports import free_port
from runtime.local.process import LocalProcess

__all__ = ["RunningLlm", "running_llm"]

MODEL = "llm"
"""What the server calls its one model."""
_START_S = 60.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class RunningLlm:
    """Where the server can be reached."""

    host: str
    port: int
    api_key: str
    process: LocalProcess
    model: str = MODEL

    @property
    def base_url(self) -> str:
        """Where its OpenAI API starts."""
        return f"http://{self.host}:{self.port}/v1"


@asynccontextmanager
async def running_llm(
    model: Path, *, context_tokens: int, log: Path, environment: Mapping[str, str]
) -> AsyncIterator[RunningLlm]:
    """Serve a GGUF file until the block ends.

    Args:
        model: The file.
        context_tokens: Room for prompt and answer together.
        log: Where its output goes.
        environment: What it may inherit from.

    Raises:
        BackendUnavailable: It did not come up; with its last words.
    """
    port, key = free_port(), secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model)]
    command += ["--model_alias", MODEL, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--n_ctx", str(context_tokens), "--verbose", "false"]
    # ggml's threads spin while they wait for each other: leave a core to everybody else.
    threads = str(max(1, len(os.sched_getaffinity(0)) - 1))
    command += ["--n_threads", threads, "--n_threads_batch", threads]
    # By default a second caller cuts the first one's stream.
    command += ["--interrupt_requests", "false"]
    # The packaged server reads any setting from the environment (HOST, MODEL, ...): give it only
    # what it needs. The key goes this way because command lines are public.
    kept = {name: environment[name] for name in _KEPT if name in environment}
    process = await LocalProcess.start(
        "LLM server", command, log=log, environment=kept | {"API_KEY": key}
    )
    llm = RunningLlm("127.0.0.1", port, key, process)
    try:

        async def probe() -> bool | None:
            return await asyncio.to_thread(_answers, f"{llm.base_url}/models", key) or None

        await process.wait_ready(probe, timeout_s=_START_S)
        yield llm
    finally:
        await process.stop()


def _answers(url: str, key: str) -> bool:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=1.0) as answer:  # noqa: S310 - loopback
            return bool(answer.status == HTTPStatus.OK)
    except OSError:  # refused, reset, or an HTTP error: not yet
        return False
