"""One model in libllama: loading, tokens, and decoding one sequence.

Wraps the low-level API and nothing more: no sampling, no requests, no text beyond tokens.
Whoever adds batching gives sequences numbers here; today there is one, number 0.
"""

import ctypes
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge.engine.frames import Load, ModelFacts
from runtime.errors import ContextOverflow, EngineCrashed, ModelInvalid, RequestInvalid

__all__ = ["LlamaModel"]

_SEQUENCE: Final = 0
_DEFAULT_CONTEXT_TOKENS: Final = 8192
_TEXT_BYTES: Final = 256
_LEVEL_ERROR: Final = 3
_LOG_CHARACTERS: Final = 300
_HIDDEN: Final = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN


class LlamaModel:
    """A loaded model with one context.

    Args:
        load: Which file, and with what settings.

    Raises:
        ModelInvalid: libllama does not accept the file; the text is one line.
    """

    def __init__(self, load: Load) -> None:
        self._log = _LoadLog()
        llama_cpp.llama_backend_init()
        self._model = self._load_model(load)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self.context = self._make_context(load)
        self.context_tokens = int(llama_cpp.llama_n_ctx(self.context))
        self.batch_tokens = int(llama_cpp.llama_n_batch(self.context))
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        self._batch = llama_cpp.llama_batch_init(self.batch_tokens, 0, 1)
        self._log.close()

    @cached_property
    def facts(self) -> ModelFacts:
        """What was loaded."""
        model = self._model
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        llama_cpp.llama_model_desc(model, buffer, _TEXT_BYTES)
        return ModelFacts(
            description=buffer.value.decode("utf-8", "replace"),
            parameters=int(llama_cpp.llama_model_n_params(model)),
            size_bytes=int(llama_cpp.llama_model_size(model)),
            layers=int(llama_cpp.llama_model_n_layer(model)),
            hidden_size=int(llama_cpp.llama_model_n_embd(model)),
            vocabulary_size=self.vocabulary_size,
            context_tokens=self.context_tokens,
            trained_context_tokens=int(llama_cpp.llama_model_n_ctx_train(model)),
            has_chat_template=bool(self.chat_template),
        )

    @property
    def chat_template(self) -> str:
        """The Jinja text in the file, or empty."""
        text = llama_cpp.llama_model_chat_template(self._model, None)
        return text.decode("utf-8", "replace") if text else ""

    @cached_property
    def bos(self) -> int | None:
        """The token that a prompt must begin with, if there is one."""
        token = int(llama_cpp.llama_vocab_bos(self.vocabulary))
        needs = bool(llama_cpp.llama_vocab_get_add_bos(self.vocabulary))
        return token if needs and token >= 0 else None

    @property
    def bos_text(self) -> str:
        """How a template spells the beginning of a sequence."""
        return self.spelling(int(llama_cpp.llama_vocab_bos(self.vocabulary)))

    @property
    def eos_text(self) -> str:
        """How a template spells the end of a sequence."""
        return self.spelling(int(llama_cpp.llama_vocab_eos(self.vocabulary)))

    @property
    def control_texts(self) -> list[str]:
        """The spellings of all tokens that mean something to the model and are no text."""
        attributes = llama_cpp.llama_vocab_get_attr
        tokens = range(self.vocabulary_size)
        return [self.spelling(t) for t in tokens if attributes(self.vocabulary, t) & _HIDDEN]

    def tokenize(self, text: str, *, is_plain: bool) -> list[int]:
        """Return the tokens of a stretch of text.

        Args:
            text: The text.
            is_plain: Whether spellings of control tokens are ordinary text.

        Raises:
            RequestInvalid: The text is larger than any context.
        """
        data = text.encode()
        capacity = len(data) + 8
        tokens = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(
            self.vocabulary, data, len(data), tokens, capacity, False, not is_plain
        )
        if count < 0:
            raise RequestInvalid(f"a text of {len(data)} bytes cannot be tokenized")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to a text; control tokens add none."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        length = llama_cpp.llama_token_to_piece(
            self.vocabulary, token, buffer, _TEXT_BYTES, 0, False
        )
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = llama_cpp.llama_token_to_piece(
                self.vocabulary, token, buffer, -length, 0, False
            )
        return buffer.raw[: max(length, 0)]

    def spelling(self, token: int) -> str:
        """Return how the vocabulary writes a token, control tokens included."""
        text = llama_cpp.llama_vocab_get_text(self.vocabulary, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def is_end(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def clear(self) -> None:
        """Forget the sequence, so that no request sees anything of another."""
        memory = llama_cpp.llama_get_memory(self.context)
        llama_cpp.llama_memory_seq_rm(memory, _SEQUENCE, -1, -1)

    def decode(self, tokens: Sequence[int], *, position: int) -> None:
        """Run tokens through the model; the last one's logits can then be read.

        Args:
            tokens: At most ``batch_tokens`` of them.
            position: Where in the sequence the first one stands.

        Raises:
            ContextOverflow: They do not fit into the context.
            EngineCrashed: libllama failed; the context is not to be used again.
        """
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = _SEQUENCE
            batch.logits[index] = index == len(tokens) - 1
        code = llama_cpp.llama_decode(self.context, batch)
        if code == 1:
            needed = position + len(tokens)
            raise ContextOverflow(f"{needed} tokens; the context has {self.context_tokens}")
        if code != 0:
            raise EngineCrashed(f"llama_decode failed with code {code}")

    def logits(self) -> npt.NDArray[np.float32]:
        """The last token's logits, shape ``(vocabulary_size,)``; valid until the next decode."""
        pointer = llama_cpp.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary_size,))

    def _load_model(self, load: Load) -> Any:
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = load.gpu_layers
        parameters.load_mode = (
            llama_cpp.LLAMA_LOAD_MODE_MMAP if load.is_mapped else llama_cpp.LLAMA_LOAD_MODE_NONE
        )
        model = llama_cpp.llama_model_load_from_file(load.path.encode(), parameters)
        if not model:
            raise ModelInvalid(f"libllama does not accept it: {self._log.reason}")
        has_encoder = llama_cpp.llama_model_has_encoder(model)
        if has_encoder or not llama_cpp.llama_model_has_decoder(model):
            raise ModelInvalid("it is not a decoder-only model")
        return model

    def _make_context(self, load: Load) -> Any:
        trained = int(llama_cpp.llama_model_n_ctx_train(self._model))
        threads = load.threads or max(1, len(os.sched_getaffinity(0)) - 1)
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = min(trained, load.context_tokens or _DEFAULT_CONTEXT_TOKENS)
        parameters.n_batch = parameters.n_ubatch = min(load.batch_tokens, parameters.n_ctx)
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.kv_unified = True
        parameters.no_perf = True
        context = llama_cpp.llama_init_from_model(self._model, parameters)
        if not context:
            raise ModelInvalid(
                f"no context of {parameters.n_ctx} tokens could be made: {self._log.reason}"
            )
        return context


class _LoadLog:
    """Keeps libllama's last complaint while a file is loaded; afterwards drops everything.

    Later messages could quote a grammar or a generated piece.
    """

    def __init__(self) -> None:
        self.reason = "no reason given"
        self._is_open = True
        # ctypes keeps no reference: a collected callback would crash the next message.
        self._callback = llama_cpp.llama_log_callback(self._take)
        llama_cpp.llama_log_set(self._callback, None)

    def close(self) -> None:
        """Stop listening."""
        self._is_open = False

    def _take(self, level: int, text: bytes, _: int | None) -> None:
        if self._is_open and level == _LEVEL_ERROR:
            line = " ".join(text.decode("utf-8", "replace").split())[:_LOG_CHARACTERS]
            self.reason = line or self.reason
