"""Which files make up a model: one GGUF file, or an ONNX graph with what lies beside it.

Knows names and folders; reads nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.models.onnx_check import is_onnx, onnx_file
from runtime.errors import ModelInvalid

__all__ = ["COMPANIONS", "data_names", "files_of", "main_file", "parent_folder"]

COMPANIONS: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "config.json",
    "generation_config.json",
    "genai_config.json",
    "chat_template.jinja",
)
"""What exporters leave beside a graph and an engine reads."""
_PARENT_OF: Final = "onnx"
"""Hubs keep graphs in a folder of this name, and the rest above it."""


def main_file(path: Path) -> Path:
    """Return the file of a model that holds its weights or its graph.

    Raises:
        ModelInvalid: The folder holds no graph.
    """
    return onnx_file(path) if is_onnx(path) else path


def data_names(graph: str) -> tuple[str, ...]:
    """Return the names under which exporters keep the weights of a large graph, by its name."""
    return f"{graph}_data", f"{graph}.data", f"{graph.removesuffix('.onnx')}.data"


def parent_folder(folder: str) -> bool:
    """Whether what belongs to a graph may lie above the folder of this name."""
    return folder == _PARENT_OF


def files_of(path: Path) -> tuple[Path, ...]:
    """Return every file of a model, the main one first.

    Args:
        path: A GGUF file, an ONNX graph, or a folder that holds one. Of a folder, every file
            counts that is there: whoever loads it may look at any.

    Raises:
        ModelInvalid: The folder holds no graph, or two files have one name.
    """
    main = main_file(path)
    if not is_onnx(path):
        return (main,)
    near = _beside(main) if path.is_file() else sorted(path.rglob("*"))
    others = [file for file in near if file != main and file.is_file()]
    names = {main.name}
    for file in others:
        if file.name in names:
            raise ModelInvalid(f"{path}: two of its files are called {file.name}")
        names.add(file.name)
    return (main, *others)


def _beside(graph: Path) -> Iterator[Path]:
    """Yield where its weights and notes may lie; of each note, the nearest that is there."""
    yield from (graph.with_name(name) for name in data_names(graph.name))
    is_below = parent_folder(graph.parent.name)
    for name in COMPANIONS:
        near = graph.with_name(name)
        yield graph.parent.parent / name if is_below and not near.is_file() else near
