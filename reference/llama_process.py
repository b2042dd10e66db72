"""Run a GGUF file with llama.cpp in a child process, with the logits in sight.

`reference.serving` is for answers alone; this is for comparing engines. The child can crash,
which is then an error here and nothing worse.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from reference.llama_requests import Answer, Decode, Decoded, Evaluate, Precision, Request, Tokenize

__all__ = ["LlamaFailed", "LlamaProcess", "llama_process"]

_ANSWER_LIMIT_S: Final = 120.0
_STOP_LIMIT_S: Final = 5.0


class LlamaFailed(RuntimeError):
    """The child process ended, or hangs, instead of answering."""


class LlamaProcess:
    """A model loaded by llama.cpp in another process; made by `llama_process`."""

    def __init__(self, connection: "Connection[Request, Any]", weights: Path) -> None:
        self._connection = connection
        self._weights = weights

    def tokenize(self, text: str) -> list[int]:
        """Turn text into token ids; special tokens in it are recognised, none is added."""
        return cast("list[int]", self._ask(Tokenize(text)))

    def evaluate(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Compute the logits of every token in one go, shape ``(tokens, vocabulary)``."""
        return cast("npt.NDArray[np.float32]", self._ask(Evaluate(list(tokens))))

    def decode(self, prompt: Sequence[int], *, max_tokens: int) -> Decoded:
        """Continue a prompt greedily, token by token, the end token included."""
        return cast("Decoded", self._ask(Decode(list(prompt), max_tokens)))

    def answer(self, messages: Sequence[dict[str, str]], *, max_tokens: int) -> str:
        """Answer a chat greedily through the chat template in the file."""
        return cast("str", self._ask(Answer(list(messages), max_tokens)))

    def _ask(self, request: Request) -> Any:
        try:
            self._connection.send(request)
            if self._connection.poll(_ANSWER_LIMIT_S):
                return self._connection.recv()
        except (EOFError, OSError):
            raise LlamaFailed(
                f"llama.cpp ended while working on {self._weights.name}; "
                "what it said last is on stderr"
            ) from None
        raise LlamaFailed(
            f"llama.cpp gave no answer with {self._weights.name} in {_ANSWER_LIMIT_S:.0f} s"
        )


@contextmanager
def llama_process(
    weights: Path, precision: Precision, *, threads: int = 1
) -> Iterator[LlamaProcess]:
    """Load ``weights`` in a child process, which ends with the block.

    Args:
        weights: The GGUF file.
        precision: ``served`` runs it as every server does; ``exact`` computes in f32 throughout.
        threads: CPU threads of the child.
    """
    ours, theirs = Pipe()
    descriptor = theirs.fileno()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "reference.llama_worker"),
            *(str(descriptor), str(weights), precision, str(threads)),
        ],
        pass_fds=[descriptor],
    )
    theirs.close()
    try:
        with ours:
            yield LlamaProcess(ours, weights)
    finally:
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
