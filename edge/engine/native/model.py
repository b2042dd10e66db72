"""One model in libllama: its file, its vocabulary, and what it is.

Wraps the low-level API and nothing more: no decoding, no sampling, no requests.
"""

import ctypes
from functools import cached_property
from typing import Any, Final, Self

import llama_cpp

from edge.engine.frames import Load
from runtime.errors import ModelInvalid, RequestInvalid

__all__ = ["LlamaModel", "LoadLog"]

_TEXT_BYTES: Final = 256
_LEVEL_ERROR: Final = 3
_LOG_CHARACTERS: Final = 300
_HIDDEN: Final = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
_LOGS: Final[list["LoadLog"]] = []
"""libllama calls back for as long as the process lives."""


class LlamaModel:
    """A loaded model.

    Args:
        load: Which file, and with what settings.
        log: Says why libllama refuses one.

    Raises:
        ModelInvalid: libllama does not accept the file; the text is one line.
    """

    def __init__(self, load: Load, log: "LoadLog") -> None:
        self.handle = _load_model(load, log)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        self.trained_context_tokens = int(llama_cpp.llama_model_n_ctx_train(self.handle))
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self.parameters = int(llama_cpp.llama_model_n_params(self.handle))
        self.size_bytes = int(llama_cpp.llama_model_size(self.handle))
        self.can_share = not (
            llama_cpp.llama_model_is_recurrent(self.handle)
            or llama_cpp.llama_model_is_hybrid(self.handle)
        )
        """Whether sequences can share a beginning; a recurrent state is one whole."""
        self.layers = int(llama_cpp.llama_model_n_layer(self.handle))
        self.hidden_size = int(llama_cpp.llama_model_n_embd(self.handle))
        self.vector_size = int(llama_cpp.llama_model_n_embd_out(self.handle))

    @property
    def description(self) -> str:
        """What libllama calls it: architecture, size, storage."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        llama_cpp.llama_model_desc(self.handle, buffer, _TEXT_BYTES)
        return buffer.value.decode("utf-8", "replace")

    @property
    def chat_template(self) -> str:
        """The Jinja text in the file, or empty."""
        text = llama_cpp.llama_model_chat_template(self.handle, None)
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

    @cached_property
    def pooling(self) -> int:
        """How an embedding model makes one vector of its tokens' ones; 0 for other models."""
        kind = self._value(f"{self._value('general.architecture')}.pooling_type")
        return int(kind) if kind.isdecimal() else 0

    def tokenize(self, text: str, *, is_plain: bool, is_whole: bool = False) -> list[int]:
        """Return the tokens of a stretch of text.

        Args:
            text: The text.
            is_plain: Whether spellings of control tokens are ordinary text.
            is_whole: Whether to add what the model wants at the ends of a text.

        Raises:
            RequestInvalid: The text is larger than any context.
        """
        data = text.encode()
        capacity = len(data) + 8
        tokens = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(
            self.vocabulary, data, len(data), tokens, capacity, is_whole, not is_plain
        )
        if count < 0:
            raise RequestInvalid(f"a text of {len(data)} bytes cannot be tokenized")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to a text; control tokens add none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def _piece(self, token: int) -> bytes:
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

    def _value(self, key: str) -> str:
        """Return a value of the file's header as text; empty when it is not there."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        length = llama_cpp.llama_model_meta_val_str(self.handle, key.encode(), buffer, _TEXT_BYTES)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def spelling(self, token: int) -> str:
        """Return how the vocabulary writes a token, control tokens included."""
        text = llama_cpp.llama_vocab_get_text(self.vocabulary, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def is_end(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        known = self._ends.get(token)
        if known is None:
            known = self._ends[token] = bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))
        return known


class LoadLog:
    """Keeps libllama's last complaint while a file is loaded; afterwards drops everything.

    Later messages could quote a grammar or a generated piece. A context manager: libllama is
    ready for use inside and after.
    """

    def __init__(self) -> None:
        self.reason = "no reason given"
        self._is_open = True
        # ctypes keeps no reference: a collected callback would crash the next message.
        self._callback = llama_cpp.llama_log_callback(self._take)

    def __enter__(self) -> Self:
        llama_cpp.llama_log_set(self._callback, None)
        _LOGS.append(self)
        llama_cpp.llama_backend_init()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False

    def _take(self, level: int, text: bytes, _: int | None) -> None:
        if self._is_open and level == _LEVEL_ERROR:
            line = " ".join(text.decode("utf-8", "replace").split())[:_LOG_CHARACTERS]
            self.reason = line or self.reason


def _load_model(load: Load, log: LoadLog) -> Any:
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = load.gpu_layers
    parameters.load_mode = (
        llama_cpp.LLAMA_LOAD_MODE_MMAP if load.is_mapped else llama_cpp.LLAMA_LOAD_MODE_NONE
    )
    model = llama_cpp.llama_model_load_from_file(load.path.encode(), parameters)
    if not model:
        raise ModelInvalid(f"libllama does not accept it: {log.reason}")
    has_encoder = llama_cpp.llama_model_has_encoder(model)
    if has_encoder or not llama_cpp.llama_model_has_decoder(model):
        raise ModelInvalid("it is not a decoder-only model")
    return model
