"""The encoder as an ONNX graph, written by hand: eight-bit weights, and operators that are fused.

A traced graph spends more time between its matrix products than in them. Here one product makes
query, key and value, attention is one operator, and weights are eight bits with a scale for each
output column (for each row, in the table of words); activations are quantised as they come.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from reference.sentinel.encoder import Form, MiniLm

__all__ = ["INPUTS", "SCORES", "graph_of"]

INPUTS: Final = ("tokens", "shapes")
"""No mask: windows go through one at a time, so nothing is padded."""
SCORES: Final = "label_scores"
_FUSED: Final = "com.microsoft"
_OPSET: Final = 18
_IR: Final = 9
_EPSILON: Final = 1e-12
_MOST: Final = 127
_Weights = NDArray[np.float32]


class _Graph:
    """Nodes and constants so far."""

    def __init__(self, weights: dict[str, _Weights]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, given: list[str], made: str, **how: Any) -> str:
        self.nodes.append(helper.make_node(operator, given, [made], **how))
        return made

    def product(self, x: str, name: str, weight: _Weights, bias: _Weights) -> str:
        """``x @ weight + bias`` with a weight [inputs, outputs] in eight bits."""
        scale = np.maximum(np.abs(weight).max(0), 1e-8) / _MOST
        return self.node(
            "DynamicQuantizeMatMul",
            [
                x,
                self.constant(f"{name}.weight", _rounded(weight / scale)),
                self.constant(f"{name}.scale", scale.astype(np.float32)),
                self.constant(f"{name}.zero", np.zeros(weight.shape[1], np.int8)),
                self.constant(f"{name}.bias", bias),
            ],
            f"{name}.made",
            domain=_FUSED,
        )

    def linear(self, x: str, *names: str) -> str:
        """One product for the linear parts ``names``, side by side."""
        weight = np.concatenate([self.weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        return self.product(x, names[0], weight, bias)

    def norm(self, x: str, name: str) -> str:
        given = [
            x,
            *(
                self.constant(f"{name}.{end}", self.weights[f"{name}.{end}"])
                for end in ("weight", "bias")
            ),
        ]
        return self.node("LayerNormalization", given, f"{name}.made", axis=-1, epsilon=_EPSILON)


def graph_of(model: MiniLm, *, window: int) -> onnx.ModelProto:
    """Return the graph of a model that has one exit, after its last layer.

    Args:
        model: Trained.
        window: The most tokens that it will see at once, marks included.
    """
    (depth,) = model.exits
    graph = _Graph({name: part.numpy() for name, part in model.state_dict().items()})
    x = _embedded(graph, window)
    for at in range(depth):
        x = _layer(graph, x, f"layers.{at}", model.form)
    scores = graph.linear(x, f"heads.{depth}")
    graph.node("Identity", [scores], SCORES)
    labels = graph.weights[f"heads.{depth}.bias"].shape[0]
    made = helper.make_graph(
        graph.nodes,
        "sentinel",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "length"])
            for name in INPUTS
        ],
        [
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, ["texts", "length", labels]),
        ],
        graph.constants,
    )
    domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
    return helper.make_model(made, opset_imports=domains, ir_version=_IR)


def _embedded(graph: _Graph, window: int) -> str:
    words = graph.weights["words.weight"]
    scale = np.maximum(np.abs(words).max(1, keepdims=True), 1e-8) / _MOST
    graph.node("Gather", [graph.constant("words", _rounded(words / scale)), "tokens"], "words.row")
    graph.node("Cast", ["words.row"], "words.float", to=TensorProto.FLOAT)
    graph.constant("words.scale", scale.astype(np.float32))
    graph.node("Gather", ["words.scale", "tokens"], "words.scaled")
    graph.node("Mul", ["words.float", "words.scaled"], "words.made")
    shapes = graph.constant("shapes.table", graph.weights["shapes.weight"])
    graph.node("Gather", [shapes, "shapes"], "shapes.made")
    places = graph.weights["positions.weight"][:window] + graph.weights["kinds.weight"][0]
    graph.constant("places", places.astype(np.float32))
    graph.node("Shape", ["tokens"], "length", start=1, end=2)
    zero, axis = graph.constant("zero", np.array([0])), graph.constant("axis", np.array([0]))
    graph.node("Slice", ["places", zero, "length", axis], "places.made")
    graph.node("Add", ["words.made", "places.made"], "words.placed")
    graph.node("Add", ["words.placed", "shapes.made"], "words.shaped")
    return graph.norm("words.shaped", "norm")


def _layer(graph: _Graph, x: str, name: str, form: Form) -> str:
    packed = graph.linear(x, *(f"{name}.{part}" for part in ("query", "key", "value")))
    parts = [f"{name}.{part}" for part in ("q", "k", "v")]
    graph.nodes.append(helper.make_node("Split", [packed], parts, axis=-1, num_outputs=3))
    mixed = graph.node(
        "MultiHeadAttention",
        parts,
        f"{name}.mixed",
        domain=_FUSED,
        num_heads=form.heads,
    )
    mixed = graph.linear(mixed, f"{name}.attended")
    x = graph.norm(graph.node("Add", [x, mixed], f"{name}.first"), f"{name}.attended_norm")
    inner = graph.linear(x, f"{name}.inner")
    if form.is_rectified:
        inner = graph.node("Relu", [inner], f"{name}.bent")
    else:
        inner = graph.node("Gelu", [inner], f"{name}.bent", domain=_FUSED)
    outer = graph.linear(inner, f"{name}.outer")
    return graph.norm(graph.node("Add", [x, outer], f"{name}.second"), f"{name}.norm")


def _rounded(value: _Weights) -> NDArray[np.int8]:
    return np.clip(np.round(value), -_MOST, _MOST).astype(np.int8)
