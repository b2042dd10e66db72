"""Export a GGUF file again with 4-bit weights: ``python -m reference.export_q4``.

Reads ``weights/<name>.gguf`` and writes ``weights/<name>.q4.gguf``, the checksums and a card.
Every Q8_0 matrix becomes Q4_0 but the embedding, which is the output layer too and is kept, as
llama.cpp's own quantizer keeps it finer. Everything else is copied.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import gguf
import numpy as np
import typer

from reference.cards import read_card, update_card
from reference.weights import weights_path
from reference.weights.store import FOLDER, write_checksums

__all__ = ["export", "main"]

_DEFAULT_MODEL: Final = "gannet-m"
_KEPT: Final = "token_embd.weight"
_REPLACED: Final = ("general.architecture", "general.name", "general.file_type")
_MEASURED: Final = ("accuracy", "agreement", "onnx_file_bytes")
"""Entries of the Q8_0 file's card that say nothing about this one."""


def export(name: str, *, folder: Path = FOLDER) -> Path:
    """Write ``<folder>/<name>.q4.gguf`` from ``<folder>/<name>.gguf``.

    Raises:
        WeightsUnusable: The GGUF file is missing or altered.
    """
    reader = gguf.GGUFReader(weights_path(name, folder=folder))
    path = folder / f"{name}.q4.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(f"{name}.q4")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in _REPLACED:
            _copy(field, writer)
    for tensor in reader.tensors:
        _add(tensor, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _copy(field: gguf.ReaderField, writer: gguf.GGUFWriter) -> None:
    kind = field.types[0]
    element_kind = field.types[-1] if kind is gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(field.name, field.contents(), kind, sub_type=element_kind)


def _add(tensor: gguf.ReaderTensor, writer: gguf.GGUFWriter) -> None:
    kind, data = tensor.tensor_type, tensor.data
    if kind is gguf.GGMLQuantizationType.Q8_0 and tensor.name != _KEPT:
        exact = gguf.quants.dequantize(data, kind)
        kind = gguf.GGMLQuantizationType.Q4_0
        data = gguf.quants.quantize(exact, kind)
    writer.add_tensor(tensor.name, np.array(data), raw_dtype=kind)


def main(
    model: Annotated[str, typer.Option(help="Name of the Q8_0 file.")] = _DEFAULT_MODEL,
    folder: Annotated[Path, typer.Option(help="Folder of weights.")] = FOLDER,
) -> None:
    """Export one reference model with 4-bit weights."""
    path = export(model, folder=folder)
    write_checksums(folder=folder)
    update_card(folder / f"{model}.q4.json", _card(model, path))
    typer.echo(str(path))


def _card(name: str, path: Path) -> dict[str, Any]:
    described = read_card(path.parent / f"{name}.json")
    kept = {key: value for key, value in described.items() if key not in _MEASURED}
    return {**kept, "name": f"{name}.q4", "file_bytes": path.stat().st_size}


if __name__ == "__main__":
    typer.run(main)
