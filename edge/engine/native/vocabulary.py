"""The vocabulary of a model in libllama: tokens and their bytes, spellings and meanings.

Wraps the low-level API and nothing more. It needs no weights: a file that holds a vocabulary
alone will do.
"""

import ctypes
from functools import cached_property
from typing import Any, Final

import llama_cpp

from runtime.errors import RequestInvalid

__all__ = ["LlamaVocabulary"]

_TEXT_BYTES: Final = 256
_HIDDEN: Final = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN


class LlamaVocabulary:
    """The tokens of a model.

    Args:
        handle: The model, as libllama knows it.
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.vocabulary = llama_cpp.llama_model_get_vocab(handle)
        self.vocabulary_size = int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

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
