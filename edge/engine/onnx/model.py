"""One ONNX decoder: its graph, its tokenizer, its vocabulary, and what lies beside it.

The vocabulary is a libllama one made in memory, so that samplers, grammars and stop strings work
as they do for models that libllama computes; texts become tokens by the model's own tokenizer.
"""

import ctypes
from pathlib import Path
from typing import Any, Final

import llama_cpp
import tokenizers

from edge.engine.frames import Load
from edge.engine.native.context import threads_of
from edge.engine.native.model import LoadLog
from edge.engine.native.vocabulary import LlamaVocabulary
from edge.engine.onnx.context import OnnxContext
from edge.engine.onnx.graph import DecoderGraph, size_bytes
from edge.engine.onnx.notes import ModelNotes, folders_of, parse_json, read_bounded, read_notes
from edge.engine.onnx.probe import GraphTraits, probe
from edge.engine.onnx.vocabulary_file import Tokens, read_tokens, vocabulary_file
from edge.models.onnx_check import onnx_file
from runtime.errors import ModelInvalid, RequestInvalid

__all__ = ["OnnxModel", "load_onnx", "read_vocabulary"]

_TOKENIZER: Final = "tokenizer.json"


class OnnxModel(LlamaVocabulary):
    """A loaded ONNX decoder, and its vocabulary.

    Args:
        handle: Its vocabulary, as libllama knows it.
        graph: Who computes.
        file: Where the graph lies.
        notes: What is known beside it.
        marked: Its tokenizer, to which spellings of control tokens are such tokens.
        plain: The same, to which they are ordinary text.
    """

    def __init__(
        self,
        handle: Any,
        *,
        graph: DecoderGraph,
        file: Path,
        notes: ModelNotes,
        marked: Any,
        plain: Any,
    ) -> None:
        super().__init__(handle)
        self.parameters = 0
        """onnxruntime does not tell."""
        self.size_bytes = size_bytes(file)
        self.layers = graph.layers
        self.hidden_size = notes.hidden_size
        self.trained_context_tokens = notes.context_tokens
        self.chat_template = notes.chat_template
        self.description = f"onnx decoder, cache {graph.cache_kind.__name__}"
        self._ends = dict.fromkeys(notes.end_ids, True)
        self._notes = notes
        self._marked = marked
        self._plain = plain

    @property
    def bos_text(self) -> str:
        """How a template spells the beginning of a sequence."""
        return self._notes.bos

    def tokenize(self, text: str, *, is_plain: bool, is_whole: bool = False) -> list[int]:
        """Return the tokens of a stretch of text.

        Args:
            text: The text.
            is_plain: Whether spellings of control tokens are ordinary text.
            is_whole: Whether to add what the model wants at the ends of a text.

        Raises:
            RequestInvalid: The tokenizer does not take it, or the model lacks one of its tokens.
        """
        tokenizer = self._plain if is_plain else self._marked
        try:
            tokens: list[int] = tokenizer.encode(text, add_special_tokens=is_whole).ids
        except Exception:  # noqa: BLE001 - its errors have no base of their own, and quote
            raise RequestInvalid("the model's tokenizer does not take the text") from None
        if tokens and max(tokens) >= self.vocabulary_size:
            raise RequestInvalid("the text needs a token that the model does not have")
        return tokens


def load_onnx(load: Load, log: LoadLog) -> tuple[OnnxModel, OnnxContext]:
    """Load a decoder with a cache, and try it.

    Args:
        load: Which one, and with what settings.
        log: Says why libllama refuses its vocabulary.

    Raises:
        ModelInvalid: It cannot be served; the text is one line.
    """
    file = onnx_file(Path(load.path))
    graph = DecoderGraph(file, threads=threads_of(load))
    notes = read_notes(file, graph.metadata)
    beside = next((one for one in folders_of(file) if (one / _TOKENIZER).is_file()), file.parent)
    described = read_bounded(beside / _TOKENIZER)
    tokens = read_tokens(parse_json(described, _TOKENIZER))
    traits = probe(graph, tokens=len(tokens.by_id))
    if not (trained := notes.context_tokens or load.context_tokens):
        raise ModelInvalid("no file beside it says how long its context is; set `context_tokens`")
    marked, plain = _tokenizer(described), _tokenizer(described)
    plain.encode_special_tokens = True
    model = OnnxModel(
        _vocabulary(tokens, notes, traits, tokenizer=marked, log=log),
        graph=graph,
        file=file,
        notes=notes,
        marked=marked,
        plain=plain,
    )
    return model, OnnxContext(graph, traits, load, trained_tokens=trained)


def _vocabulary(
    tokens: Tokens, notes: ModelNotes, traits: GraphTraits, *, tokenizer: Any, log: LoadLog
) -> Any:
    """Have libllama read the vocabulary; return its handle."""
    eos = tokens.id_of(notes.eos) if notes.eos else None
    ends = [one for one in notes.end_ids or (eos,) if one is not None]
    if not ends or max(ends) >= traits.vocabulary_size:
        raise ModelInvalid("no file beside it names a token with which its answers end")
    bos = tokens.id_of(notes.bos) if notes.bos else None
    if bos is not None and bos >= traits.vocabulary_size:
        raise ModelInvalid("the token that begins its sequences is not one that it knows")
    data = vocabulary_file(
        tokens,
        size=traits.vocabulary_size,
        ends=ends,
        bos=bos,
        adds_bos=bos is not None and _adds_bos(notes, bos, tokenizer),
    )
    return read_vocabulary(data, log)


def read_vocabulary(data: bytes, log: LoadLog) -> Any:
    """Have libllama read a file that holds a vocabulary alone; return its handle.

    Args:
        data: The file.
        log: Says why libllama refuses it.

    Raises:
        ModelInvalid: It does.
    """
    libc = ctypes.CDLL(None)
    libc.fmemopen.restype = ctypes.c_void_p
    libc.fmemopen.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    parameters.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
    stream = libc.fmemopen(data, len(data), b"rb")
    try:
        handle = llama_cpp.llama_model_load_from_file_ptr(stream, parameters)
    finally:
        libc.fclose(stream)
    if not handle:
        raise ModelInvalid(f"libllama does not accept its vocabulary: {log.reason}")
    return handle


def _adds_bos(notes: ModelNotes, bos: int, tokenizer: Any) -> bool:
    if notes.adds_bos is not None:
        return notes.adds_bos
    try:
        first: list[int] = tokenizer.encode("", add_special_tokens=True).ids[:1]
    except Exception:  # noqa: BLE001 - its errors have no base of their own
        raise ModelInvalid(f"{_TOKENIZER} does not take an empty text") from None
    return first == [bos]


def _tokenizer(described: bytes) -> Any:
    try:
        tokenizer = tokenizers.Tokenizer.from_str(described.decode("utf-8", "replace"))
    except Exception as error:  # noqa: BLE001 - its errors have no base of their own
        raise ModelInvalid(f"{_TOKENIZER} is not accepted: {str(error)[:200]}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
