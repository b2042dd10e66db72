"""The child process that runs llama.cpp for `reference.llama_process`.

Started as ``python -m reference.llama_worker FD WEIGHTS PRECISION THREADS``; answers one request
after another on the inherited connection until it closes. Only this module loads libllama.
"""

import ctypes
import sys
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, assert_never, cast

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp import Llama
from llama_cpp._logger import set_verbose

from reference.llama_requests import Answer, Decode, Decoded, Evaluate, Precision, Request, Tokenize

__all__ = ["main"]

_CONTEXT_TOKENS: Final = 1024


def main(arguments: list[str]) -> None:
    """Serve requests until the parent closes the connection."""
    descriptor, weights, precision, threads = arguments
    connection: Connection[Any, Request] = Connection(int(descriptor))
    model = _load(Path(weights), cast("Precision", precision), int(threads))
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        connection.send(_answer(model, request))


def _load(weights: Path, precision: Precision, threads: int) -> Llama:
    load = partial(
        Llama,
        n_ctx=_CONTEXT_TOKENS,
        n_threads=threads,
        n_threads_batch=threads,
        logits_all=True,
        verbose=False,
    )
    match precision:
        case "served":
            return load(str(weights))
        case "exact":
            with TemporaryDirectory() as folder:
                whole = _as_f32(weights, Path(folder) / weights.name)
                return load(
                    str(whole), type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32
                )


def _as_f32(weights: Path, target: Path) -> Path:
    """Let llama.cpp write the same weights as f32: a Q8_0 weight is integer times scale exactly."""
    set_verbose(False)  # the quantizer has no such option, and prints every tensor
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_ALL_F32
    parameters.allow_requantize = True
    parameters.nthread = 1
    source = str(weights).encode()
    if llama_cpp.llama_model_quantize(source, str(target).encode(), ctypes.byref(parameters)):
        raise RuntimeError(f"llama.cpp could not write {weights.name} as f32")
    return target


def _answer(model: Llama, request: Request) -> Any:
    match request:
        case Tokenize(text):
            return model.tokenize(text.encode(), add_bos=False, special=True)
        case Evaluate(tokens):
            return _evaluate(model, tokens)
        case Decode(prompt, max_tokens):
            return _decode(model, prompt, max_tokens)
        case Answer(messages, max_tokens):
            return _chat(model, messages, max_tokens)
        case _:
            assert_never(request)


def _evaluate(model: Llama, tokens: list[int]) -> npt.NDArray[np.float32]:
    model.reset()  # type: ignore[no-untyped-call]  # llama_cpp leaves it unannotated
    model.eval(tokens)
    return np.array(model.scores[: len(tokens)], np.float32)


def _decode(model: Llama, prompt: list[int], max_tokens: int) -> Decoded:
    rows = [_evaluate(model, prompt)[-1]]
    chosen = [int(rows[0].argmax())]
    while len(chosen) < max_tokens and chosen[-1] != model.token_eos():
        model.eval(chosen[-1:])
        rows.append(np.array(model.scores[model.n_tokens - 1], np.float32))
        chosen.append(int(rows[-1].argmax()))
    return Decoded(chosen, np.stack(rows))


def _chat(model: Llama, messages: list[dict[str, str]], max_tokens: int) -> str:
    reply: Any = model.create_chat_completion(
        cast("Any", messages), temperature=0.0, max_tokens=max_tokens
    )
    return str(reply["choices"][0]["message"]["content"])


if __name__ == "__main__":
    main(sys.argv[1:])
