"""One model in libllama: its file, and what it is.

Wraps the low-level API and nothing more: no decoding, no sampling, no requests.
"""

import ctypes
from functools import cached_property
from typing import Any, Final, Self

import llama_cpp

from edge.engine.frames import Load
from edge.engine.native.vocabulary import LlamaVocabulary
from runtime.errors import ModelInvalid

__all__ = ["LlamaModel", "LoadLog"]

_TEXT_BYTES: Final = 256
_CACHE_BYTES: Final = 4
"""Of a key and a value."""
_LEVEL_ERROR: Final = 4
_LOG_CHARACTERS: Final = 300
_LOGS: Final[list["LoadLog"]] = []
"""libllama calls back for as long as the process lives."""


class LlamaModel(LlamaVocabulary):
    """A loaded model, and its vocabulary.

    Args:
        load: Which file, and with what settings.
        log: Says why libllama refuses one.

    Raises:
        ModelInvalid: libllama does not accept the file; the text is one line.
    """

    def __init__(self, load: Load, log: "LoadLog") -> None:
        super().__init__(_load_model(load, log))
        self.trained_context_tokens = int(llama_cpp.llama_model_n_ctx_train(self.handle))
        self.parameters = int(llama_cpp.llama_model_n_params(self.handle))
        self.size_bytes = int(llama_cpp.llama_model_size(self.handle))
        self.can_share = not (
            llama_cpp.llama_model_is_recurrent(self.handle)
            or llama_cpp.llama_model_is_hybrid(self.handle)
        )
        """Whether sequences can share a beginning; a recurrent state is one whole."""
        self.layers = int(llama_cpp.llama_model_n_layer(self.handle))
        self.hidden_size = int(llama_cpp.llama_model_n_embd(self.handle))
        self.heads = max(int(llama_cpp.llama_model_n_head(self.handle)), 1)
        kept_heads = int(llama_cpp.llama_model_n_head_kv(self.handle))
        self.token_bytes = self.layers * self.hidden_size * kept_heads // self.heads * _CACHE_BYTES
        """Of a token in the cache, where all layers are alike."""
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
    def pooling(self) -> int:
        """How an embedding model makes one vector of its tokens' ones; 0 for other models."""
        kind = self._value(f"{self._value('general.architecture')}.pooling_type")
        return int(kind) if kind.isdecimal() else 0

    def _value(self, key: str) -> str:
        """Return a value of the file's header as text; empty when it is not there."""
        buffer = ctypes.create_string_buffer(_TEXT_BYTES)
        length = llama_cpp.llama_model_meta_val_str(self.handle, key.encode(), buffer, _TEXT_BYTES)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""


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
