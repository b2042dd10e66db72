"""Export GGUF files as ONNX decoders: ``python -m reference.export_onnx [--model NAME]``.

Reads ``weights/<name>.gguf``, after checking it against its checksum, and writes
``weights/<name>.onnx`` with the same stored weights, the checksums, and the file's size in the
card. The same GGUF file always gives the same bytes.
"""

from pathlib import Path
from typing import Annotated, Final

import onnx
import typer
from onnx import helper

from reference.cards import update_card
from reference.onnx_graph import build_graph
from reference.stored_model import StoredModel, read_model
from reference.weights import published_models, weights_path
from reference.weights.store import FOLDER, sha256_of, write_checksums

__all__ = ["export", "main"]

_PRODUCER: Final = "leeward"


def export(name: str, *, folder: Path = FOLDER) -> Path:
    """Write ``<folder>/<name>.onnx`` from ``<folder>/<name>.gguf``.

    Raises:
        WeightsUnusable: The GGUF file is missing or altered.
    """
    source = weights_path(name, folder=folder)
    model = read_model(source)
    decoder = build_graph(model)
    decoder.producer_name = _PRODUCER
    helper.set_model_props(decoder, _facts(model, source))
    path = folder / f"{name}.onnx"
    onnx.save_model(decoder, path)
    return path


def _facts(model: StoredModel, source: Path) -> dict[str, str]:
    """What a decoder must know beside the graph; `reference.onnx_decoder` reads it."""
    facts = {
        "name": model.name,
        "family": model.name.partition("-")[0],
        "context_tokens": model.context_tokens,
        "bos_token_id": model.bos_token,
        "eos_token_id": model.eos_token,
        "pad_token_id": model.pad_token,
        "gguf_sha256": sha256_of(source),
    }
    return {f"leeward.{name}": str(value) for name, value in facts.items()}


def main(
    model: Annotated[str, typer.Option(help="Comma-separated names; all if absent.")] = "",
    folder: Annotated[Path, typer.Option(help="Folder of weights.")] = FOLDER,
) -> None:
    """Export reference models as ONNX."""
    names = [name.strip() for name in model.split(",") if name.strip()] or published_models(
        folder=folder
    )
    for name in names:
        path = export(name, folder=folder)
        update_card(folder / f"{name}.json", {"onnx_file_bytes": path.stat().st_size})
        write_checksums(folder=folder)
        typer.echo(str(path))


if __name__ == "__main__":
    typer.run(main)
