"""What lies beside an ONNX decoder: context, ends, chat template, as exporters write them down.

Reads the JSON files that Transformers, Optimum and onnxruntime-genai leave next to a graph.
Knows no graph and no tokenizer.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.models.files import parent_folder
from runtime.errors import ModelInvalid

__all__ = ["ModelNotes", "folders_of", "parse_json", "read_bounded", "read_notes"]

_MAX_FILE_BYTES: Final = 64 << 20
_MAX_TEMPLATE_BYTES: Final = 1 << 20
_MOST_CONTEXT_TOKENS: Final = 10_000_000
"""Larger numbers stand for "no limit" in a ``tokenizer_config.json``."""
_CONTEXT_KEYS: Final = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")
_OURS: Final = "leeward."


@dataclass(frozen=True, slots=True)
class ModelNotes:
    """What is known of a decoder beside its graph and its tokenizer."""

    context_tokens: int
    """What it was made for; 0: nobody says."""
    end_ids: tuple[int, ...]
    """Numbers of the tokens with which it ends; empty: only ``eos`` says it."""
    bos: str
    """Spelling of the token that begins a sequence; empty: unknown."""
    eos: str
    """Spelling of the token that ends one; empty: unknown."""
    adds_bos: bool | None
    """Whether every prompt begins with ``bos``; ``None``: as the tokenizer does it."""
    chat_template: str
    """Jinja text; empty for a model that only completes text."""
    hidden_size: int
    """0: unknown."""


def read_notes(graph: Path, metadata: Mapping[str, str]) -> ModelNotes:
    """Read the files beside a graph.

    Args:
        graph: The ONNX file.
        metadata: What the graph says of itself; ``leeward.context_tokens`` and
            ``leeward.eos_token_id`` count where no file says more.

    Raises:
        ModelInvalid: A file that is there cannot be read; names it.
    """
    tokenizer = _beside(graph, "tokenizer_config.json")
    config = _beside(graph, "config.json")
    genai = _mapping(_beside(graph, "genai_config.json").get("model"))
    generation = _beside(graph, "generation_config.json")
    adds_bos = tokenizer.get("add_bos_token")
    sources = (generation, config, genai)
    ends = next((ids for source in sources if (ids := _ids(source.get("eos_token_id")))), ())
    return ModelNotes(
        context_tokens=_context(config, genai, metadata, tokenizer),
        end_ids=ends or _ids(_number(metadata.get(f"{_OURS}eos_token_id"))),
        bos=_spelling(tokenizer.get("bos_token")),
        eos=_spelling(tokenizer.get("eos_token")),
        adds_bos=adds_bos if isinstance(adds_bos, bool) else None,
        chat_template=_template(graph, tokenizer),
        hidden_size=_number(config.get("hidden_size") or config.get("n_embd")) or 0,
    )


def read_bounded(path: Path) -> bytes:
    """Read one file that lies beside a graph.

    Raises:
        ModelInvalid: It is missing or too large; names it.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelInvalid(f"{path.name} is larger than {_MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelInvalid(f"{path.name} beside it: {error.strerror}") from None


def parse_json(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object that a file of that name holds.

    Raises:
        ModelInvalid: It holds something else; names it.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ModelInvalid(f"{name} beside it is not valid JSON") from None
    if not isinstance(found, dict):
        raise ModelInvalid(f"{name} beside it is not a JSON object")
    return found


def _beside(graph: Path, name: str) -> dict[str, Any]:
    """Return a file's object; empty when there is no such file."""
    for folder in folders_of(graph):
        if (folder / name).is_file():
            return parse_json(read_bounded(folder / name), name)
    return {}


def folders_of(graph: Path) -> Iterator[Path]:
    """Yield where a graph's notes may lie; a hub keeps graphs in a folder ``onnx`` of their own."""
    yield graph.parent
    if parent_folder(graph.parent.name):
        yield graph.parent.parent


def _template(graph: Path, tokenizer: Mapping[str, Any]) -> str:
    for folder in folders_of(graph):
        file = folder / "chat_template.jinja"
        if file.is_file():
            if file.stat().st_size > _MAX_TEMPLATE_BYTES:
                raise ModelInvalid(f"{file.name} is larger than {_MAX_TEMPLATE_BYTES} bytes")
            return file.read_bytes().decode("utf-8", "replace")
    found = tokenizer.get("chat_template")
    if isinstance(found, list):
        named = [_mapping(one) for one in found]
        found = next((one.get("template") for one in named if one.get("name") == "default"), "")
    return found if isinstance(found, str) else ""


def _context(
    config: Mapping[str, Any],
    genai: Mapping[str, Any],
    metadata: Mapping[str, str],
    tokenizer: Mapping[str, Any],
) -> int:
    said = [config.get(key) for key in _CONTEXT_KEYS]
    said += [genai.get("context_length"), metadata.get(f"{_OURS}context_tokens")]
    said += [tokenizer.get("model_max_length")]
    numbers = (_number(value) or 0 for value in said)
    return next((one for one in numbers if 0 < one <= _MOST_CONTEXT_TOKENS), 0)


def _ids(value: Any) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if type(one) is int and one >= 0)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 9:
        return int(value)
    return value if type(value) is int else None


def _spelling(token: Any) -> str:
    """A token is written as text, or as an object that says more about it."""
    text = _mapping(token).get("content", token)
    return text if isinstance(text, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
