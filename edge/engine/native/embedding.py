"""Embeddings: whole texts through the model at once, one vector each.

A context of its own kind, which keeps nothing: a batch holds as many texts as fit, and is
forgotten when its vectors are read.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NoReturn

import llama_cpp
import numpy as np
import numpy.typing as npt

from edge.engine.frames import Begun, Embed, Embedded, Frame, Load
from edge.engine.inbox import Inbox, Ticket
from edge.engine.native.batch import Batch, Part
from edge.engine.native.context import threads_of
from edge.engine.native.model import LlamaModel, LoadLog
from edge.engine.native.one_by_one import answer_each
from runtime.errors import ContextOverflow, EngineCrashed, ModelInvalid, RequestInvalid

__all__ = ["Embedder", "EmbeddingContext"]

_DEFAULT_TEXT_TOKENS: Final = 2048
_POOLED: Final = frozenset(
    {
        llama_cpp.LLAMA_POOLING_TYPE_MEAN,
        llama_cpp.LLAMA_POOLING_TYPE_CLS,
        llama_cpp.LLAMA_POOLING_TYPE_LAST,
    }
)

Vector = npt.NDArray[np.float32]


class EmbeddingContext:
    """Computes batches of whole texts.

    Args:
        model: Who computes.
        load: With what settings.
        log: Says why libllama refuses the settings.

    Raises:
        ModelInvalid: There is no memory for it, or the model ranks instead of embedding.
    """

    def __init__(self, model: LlamaModel, load: Load, log: LoadLog) -> None:
        if model.pooling not in _POOLED:
            raise ModelInvalid("it ranks texts instead of embedding them, which is not served")
        self.context_tokens = min(
            model.trained_context_tokens, load.context_tokens or _DEFAULT_TEXT_TOKENS
        )
        """Longest text."""
        self.slots = load.slots
        """Most texts of a batch."""
        self._vector_size = model.vector_size
        self._handle = _make(model, load, self.context_tokens, log)
        self.batch_tokens = int(llama_cpp.llama_n_batch(self._handle))
        self._memory = llama_cpp.llama_get_memory(self._handle)
        self._batch = Batch(self.batch_tokens)

    @property
    def cache_bytes(self) -> int:
        """Memory that it may come to need: libllama has taken all of it already."""
        return 0

    def vectors(self, texts: Sequence[Sequence[int]]) -> list[Vector]:
        """Return one vector of length 1 per text.

        Args:
            texts: Tokens of at most ``slots`` texts, at most ``batch_tokens`` together.

        Raises:
            EngineCrashed: libllama failed; the context is not to be used again.
        """
        parts = [Part(number, 0, text, wants_logits=True) for number, text in enumerate(texts)]
        self._batch.fill(parts, every_row=True)
        code = llama_cpp.llama_decode(self._handle, self._batch.native)
        if code != 0:
            raise EngineCrashed(f"llama_decode failed with code {code}")
        found = [self._vector(number) for number in range(len(texts))]
        if self._memory:
            llama_cpp.llama_memory_clear(self._memory, False)
        return found

    def _vector(self, sequence: int) -> Vector:
        pointer = llama_cpp.llama_get_embeddings_seq(self._handle, sequence)
        vector = np.ctypeslib.as_array(pointer, shape=(self._vector_size,)).astype(np.float64)
        length = float(np.linalg.norm(vector))
        return (vector / length if length else vector).astype(np.float32)


class Embedder:
    """Answers the calls of an inbox with vectors, one after another.

    Args:
        model: Who computes.
        context: Where.
        inbox: Where calls come from.
        send: Tells the daemon what came of a call.
    """

    def __init__(
        self,
        model: LlamaModel,
        context: EmbeddingContext,
        *,
        inbox: Inbox,
        send: Callable[[Frame], None],
    ) -> None:
        self._model = model
        self._context = context
        self._inbox = inbox
        self._send = send

    def run(self) -> NoReturn:
        """Answer calls for ever.

        Raises:
            EngineCrashed: libllama failed; the open call was told.
        """
        answer_each(self._inbox, self._embedded, send=self._send)

    def _embedded(self, ticket: Ticket) -> Embedded:
        asked = ticket.start
        if not isinstance(asked, Embed):
            raise RequestInvalid("this model makes embeddings and writes no text")
        texts = [self._tokens(text) for text in asked.texts]
        self._send(Begun(asked.call, sum(map(len, texts)), 0))
        vectors: list[str] = []
        for batch in self._batches(texts):
            self._inbox.note_step()
            self._inbox.check(ticket)
            with self._inbox.decoding():
                found = self._context.vectors(batch)
            vectors += (base64.b64encode(one.astype("<f4").tobytes()).decode() for one in found)
        return Embedded(asked.call, tuple(vectors), sum(map(len, texts)))

    def _tokens(self, text: str) -> list[int]:
        tokens = self._model.tokenize(text, is_plain=True, is_whole=True)
        if not tokens:
            raise RequestInvalid("an empty text has no embedding")
        if len(tokens) > self._context.context_tokens:
            raise ContextOverflow(
                f"a text of {len(tokens)} tokens; this model embeds at most "
                f"{self._context.context_tokens}"
            )
        return tokens

    def _batches(self, texts: Sequence[list[int]]) -> Iterator[list[list[int]]]:
        """Cut a call into batches that fit, in order."""
        batch: list[list[int]] = []
        for text in texts:
            tokens = sum(map(len, batch)) + len(text)
            if len(batch) == self._context.slots or tokens > self._context.batch_tokens:
                yield batch
                batch = []
            batch.append(text)
        if batch:
            yield batch


def _make(model: LlamaModel, load: Load, text_tokens: int, log: LoadLog) -> Any:
    parameters = llama_cpp.llama_context_default_params()
    # Tokens of a text see each other, so all of one text must be in one physical batch.
    size = max(text_tokens, load.batch_tokens)
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = size
    parameters.n_seq_max = load.slots
    parameters.n_threads = parameters.n_threads_batch = threads_of(load)
    parameters.kv_unified = True
    parameters.embeddings = True
    parameters.no_perf = True
    context = llama_cpp.llama_init_from_model(model.handle, parameters)
    if not context:
        raise ModelInvalid(f"no context of {size} tokens could be made: {log.reason}")
    return context
