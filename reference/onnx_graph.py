"""Lay a Llama decoder out as an ONNX graph, in the naming that decoder exports commonly have.

Inputs ``input_ids``, ``attention_mask``, ``position_ids`` and ``past_key_values.N.key|value``;
outputs ``logits`` and ``present.N.key|value``. Batch, sequence and past are free, the past may
be empty. Opset 23 has RMSNorm, rotary positions and attention as operators, so a layer reads
like `reference.network`. Knows nothing of files.

Weights stay as the GGUF stores them: integers times scales, written as Cast, Mul and Reshape of
constants. onnxruntime computes those once while loading, so both engines work with the same
weights at 1.06 bytes each, and decoding is as fast as with f16 constants of twice the size.
Blocked DequantizeLinear was tried: as small, but onnxruntime 1.32 turns it into MatMulNBits with
activations rounded to 8 bits, which moved logits by up to 0.4 and halved the tokens per second.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from reference.stored_model import Blocks, StoredModel

__all__ = ["build_graph"]

_OPSET: Final = 23
_IR_VERSION: Final = 11
"""The first that may carry opset 23."""
_HIDDEN: Final = -1e9
"""Added to the scores of what may not be seen. Finite: a row of padding that sees nothing must
not become NaN, which a later layer's product with zero would keep."""

_BATCH: Final = "batch_size"
_SEQUENCE: Final = "sequence_length"
_PAST: Final = "past_sequence_length"
_TOTAL: Final = "past_sequence_length + sequence_length"


def build_graph(model: StoredModel) -> onnx.ModelProto:
    """Build the decoder.

    Returns:
        The model, checked by `onnx.checker`, still without metadata.
    """
    nodes = _Nodes(model)
    embedding = nodes.matrix("token_embd.weight")
    states = nodes.add("Gather", embedding, "input_ids", axis=0)
    rotation = _rotation(nodes, model)
    visible = _visible(nodes)
    for layer in range(model.layers):
        states = _attend(nodes, model, layer, states=states, rotation=rotation, visible=visible)
        states = _feed_forward(nodes, layer, states)
    normed = nodes.norm(states, "output_norm.weight")
    nodes.add("MatMul", normed, nodes.add("Transpose", embedding, perm=[1, 0]), outputs=["logits"])
    graph = helper.make_graph(
        nodes.nodes, model.name, _inputs(model), _outputs(model), nodes.constants
    )
    built = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    onnx.checker.check_model(built, full_check=True)
    return built


class _Nodes:
    """Nodes and constants written so far; every value has a name of its own."""

    def __init__(self, model: StoredModel) -> None:
        self._model = model
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(
        self, operator: str, *inputs: str, outputs: Sequence[str] = (), **attributes: Any
    ) -> str:
        """Append a node and return the name of its first output."""
        name = f"{operator}_{len(self.nodes)}"
        names = outputs or [name]
        self.nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return names[0]

    def constant(self, value: npt.ArrayLike, name: str = "") -> str:
        """Append a constant and return its name."""
        name = name or f"constant_{len(self.constants)}"
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def matrix(self, name: str) -> str:
        """Restore a stored matrix to f32, shape ``(out, in)``."""
        stored = self._model.matrices[name]
        if not isinstance(stored, Blocks):
            return self.as_float(self.constant(stored, name))
        integers = self.constant(stored.integers, f"{name}.integers")
        scales = self.constant(stored.scales[:, :, None], f"{name}.scales")
        blocks = self.add("Mul", self.as_float(integers), self.as_float(scales))
        rows = self.constant(np.array([stored.integers.shape[0], -1], np.int64))
        return self.add("Reshape", blocks, rows)

    def as_float(self, value: str) -> str:
        """Cast to f32."""
        return self.add("Cast", value, to=TensorProto.FLOAT)

    def project(self, states: str, name: str) -> str:
        """Multiply states by a stored matrix."""
        return self.add("MatMul", states, self.add("Transpose", self.matrix(name), perm=[1, 0]))

    def norm(self, states: str, name: str) -> str:
        """RMSNorm with a stored vector."""
        scale = self.constant(self._model.norms[name], name)
        return self.add(
            "RMSNormalization", states, scale, axis=-1, epsilon=self._model.norm_epsilon
        )


def _rotation(nodes: _Nodes, model: StoredModel) -> tuple[str, str]:
    """Cosines and sines of every token's position, each ``(batch, sequence, head_width / 2)``."""
    exponents = -np.arange(0, model.head_width, 2) / model.head_width
    frequencies = nodes.constant((model.rope_base**exponents).astype(np.float32), "frequencies")
    positions = _unsqueezed(nodes, nodes.as_float("position_ids"), 2)
    angles = nodes.add("Mul", positions, frequencies)
    return nodes.add("Cos", angles), nodes.add("Sin", angles)


def _visible(nodes: _Nodes) -> str:
    """What each token may attend to, as an addend: ``(batch, 1, sequence, past + sequence)``."""
    total = nodes.add("Squeeze", nodes.add("Shape", "attention_mask", start=1, end=2))
    length = nodes.add("Squeeze", nodes.add("Shape", "input_ids", start=1, end=2))
    zero, one = nodes.constant(np.int64(0)), nodes.constant(np.int64(1))
    keys = nodes.add("Range", zero, total, one)
    queries = nodes.add("Range", nodes.add("Sub", total, length), total, one)
    is_earlier = nodes.add("LessOrEqual", keys, _unsqueezed(nodes, queries, 1))
    is_kept = _unsqueezed(nodes, nodes.add("Cast", "attention_mask", to=TensorProto.BOOL), 1, 2)
    seen, hidden = nodes.constant(np.float32(0)), nodes.constant(np.float32(_HIDDEN))
    return nodes.add("Where", nodes.add("And", is_earlier, is_kept), seen, hidden)


def _unsqueezed(nodes: _Nodes, value: str, *axes: int) -> str:
    return nodes.add("Unsqueeze", value, nodes.constant(np.array(axes, np.int64)))


def _attend(
    nodes: _Nodes,
    model: StoredModel,
    layer: int,
    *,
    states: str,
    rotation: tuple[str, str],
    visible: str,
) -> str:
    """One layer's attention with its residual."""
    normed = nodes.norm(states, f"blk.{layer}.attn_norm.weight")
    query, key, value = (nodes.project(normed, f"blk.{layer}.attn_{part}.weight") for part in "qkv")
    mixed = nodes.add(
        "Attention",
        nodes.add("RotaryEmbedding", query, *rotation, num_heads=model.heads, interleaved=1),
        nodes.add("RotaryEmbedding", key, *rotation, num_heads=model.kv_heads, interleaved=1),
        value,
        visible,
        *(f"past_key_values.{layer}.{part}" for part in ("key", "value")),
        outputs=[f"mixed.{layer}", f"present.{layer}.key", f"present.{layer}.value"],
        q_num_heads=model.heads,
        kv_num_heads=model.kv_heads,
    )
    return nodes.add("Add", states, nodes.project(mixed, f"blk.{layer}.attn_output.weight"))


def _feed_forward(nodes: _Nodes, layer: int, states: str) -> str:
    """One layer's SwiGLU with its residual."""
    normed = nodes.norm(states, f"blk.{layer}.ffn_norm.weight")
    gate = nodes.project(normed, f"blk.{layer}.ffn_gate.weight")
    up = nodes.project(normed, f"blk.{layer}.ffn_up.weight")
    activated = nodes.add("Mul", gate, nodes.add("Sigmoid", gate))
    inner = nodes.add("Mul", activated, up)
    return nodes.add("Add", states, nodes.project(inner, f"blk.{layer}.ffn_down.weight"))


def _inputs(model: StoredModel) -> list[onnx.ValueInfoProto]:
    return [
        _value("input_ids", TensorProto.INT64, _BATCH, _SEQUENCE),
        _value("attention_mask", TensorProto.INT64, _BATCH, _TOTAL),
        _value("position_ids", TensorProto.INT64, _BATCH, _SEQUENCE),
        *_cache(model, "past_key_values", _PAST),
    ]


def _outputs(model: StoredModel) -> list[onnx.ValueInfoProto]:
    logits = _value("logits", TensorProto.FLOAT, _BATCH, _SEQUENCE, model.vocabulary_size)
    return [logits, *_cache(model, "present", _TOTAL)]


def _cache(model: StoredModel, prefix: str, length: str) -> list[onnx.ValueInfoProto]:
    shape = (_BATCH, model.kv_heads, length, model.head_width)
    return [
        _value(f"{prefix}.{layer}.{part}", TensorProto.FLOAT, *shape)
        for layer in range(model.layers)
        for part in ("key", "value")
    ]


def _value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
