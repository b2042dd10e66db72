"""Take trained weights back out of an exported graph: a beginning where those of a run are gone.

``python -m reference.sentinel.recover --model runtime/sentinel/weights --out var/sentinel/old.pt``.
They come back as the graph has them, rounded to eight bits; that costs a run that goes on nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from reference.sentinel.encoder import HEAD, HIDDEN, Form, MiniLm, pretrained
from reference.sentinel.train import keep, published_folder

__all__ = ["main", "recovered"]

_ATTENTION = ("query", "key", "value")


def recovered(folder: Path) -> MiniLm:
    """Return the encoder of the model in a folder."""
    graph = onnx.load(folder / "model.onnx").graph
    given = {item.name: torch.tensor(numpy_helper.to_array(item)) for item in graph.initializer}
    layers = sum(name.endswith(".attended.weight") for name in given if name.startswith("layers."))
    state = {
        name: part
        for name, part in given.items()
        if name.startswith(("norm.", "layers.")) and "norm" in name
    }
    for name in [name for name in given if name.startswith(("layers.", "heads."))]:
        if not name.endswith(".scale"):
            continue
        part = name.removesuffix(".scale")
        weight = (given[f"{part}.weight"].float() * given[name]).T
        state |= _parts(part, weight, given[f"{part}.bias"])
    state["words.weight"] = given["words"].float() * given["words.scale"]
    state["shapes.weight"] = given["shapes.table"]
    plain = pretrained(published_folder(), keep=[0], labels=1).state_dict()
    state["kinds.weight"] = plain["kinds.weight"]
    places = plain["positions.weight"]
    places[: len(given["places"])] = given["places"] - plain["kinds.weight"][0]
    state["positions.weight"] = places
    form = Form(
        layers,
        heads=state["layers.0.query.bias"].shape[0] // HEAD,
        inner=state["layers.0.inner.bias"].shape[0],
        is_rectified=any(node.op_type == "Relu" for node in graph.node),
    )
    model = MiniLm(form, state[f"heads.{layers}.bias"].shape[0])
    model.load_state_dict(state)
    model.eval()
    return model


def _parts(part: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Name a product's weight and bias; the packed one of attention is three of them."""
    if not part.endswith(".query"):
        return {f"{part}.weight": weight, f"{part}.bias": bias}
    layer = part.removesuffix("query")
    made: dict[str, Tensor] = {}
    for name, one, two in zip(_ATTENTION, weight.chunk(3), bias.chunk(3), strict=True):
        if one.shape[1] != HIDDEN:
            raise ValueError(f"{part} is as wide as no layer here")
        made |= {f"{layer}{name}.weight": one, f"{layer}{name}.bias": two}
    return made


def main() -> None:
    """Write what a run can start from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    keep(options.out, recovered(options.model))


if __name__ == "__main__":
    main()
