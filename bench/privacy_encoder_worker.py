"""What a plain six-layer encoder costs here: the measure by which other machines read our times.

The shape of all-MiniLM-L6-v2 (384 wide, 12 heads, 1536 inside), weights in eight bits, activations
quantised as they come, attention written out, in ONNX Runtime on one thread. The weights are drawn
at random: time does not depend on them. Writes the processor time of one pass over 256 tokens,
milliseconds, the median of some, each the least of three, to standard output. Runs in an
environment of its own, with ``onnx``; started by ``bench.privacy_peer``.
"""

import os
import sys
import time
from typing import Any

import numpy as np
import onnx

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # noqa: TID251 - for the library, before it loads

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

TOKENS, HIDDEN, INNER, HEADS, LAYERS, WORDS = 256, 384, 1536, 12, 6, 30_522
READINGS, ROUNDS = 7, 3
DRAWN = np.random.default_rng(0)


class Graph:
    """Nodes and constants so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Add a constant; return its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *given: str, domain: str = "", **how: Any) -> str:
        """Add a node; return the name of what it makes."""
        made = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, given, [made], domain=domain, **how))
        return made

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        """Multiply by a weight in eight bits, a scale for each output."""
        return self.node(
            "DynamicQuantizeMatMul",
            x,
            self.constant(DRAWN.integers(-127, 128, (inputs, outputs), np.int8)),
            self.constant(np.full(outputs, 0.001, np.float32)),
            self.constant(np.zeros(outputs, np.int8)),
            self.constant(np.zeros(outputs, np.float32)),
            domain="com.microsoft",
        )

    def norm(self, x: str) -> str:
        """Normalise over the last axis."""
        ones, zeros = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
        return self.node("LayerNormalization", x, self.constant(ones), self.constant(zeros))

    def heads(self, x: str, order: list[int]) -> str:
        """Cut into heads."""
        shape = self.constant(np.array([1, TOKENS, HEADS, HIDDEN // HEADS]))
        return self.node("Transpose", self.node("Reshape", x, shape), perm=order)

    def layer(self, x: str) -> str:
        """One layer of the encoder."""
        query = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 1, 3])
        key = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 3, 1])
        value = self.heads(self.linear(x, HIDDEN, HIDDEN), [0, 2, 1, 3])
        weights = self.node("Softmax", self.node("MatMul", query, key), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", weights, value), perm=[0, 2, 1, 3])
        flat = self.node("Reshape", mixed, self.constant(np.array([1, TOKENS, HIDDEN])))
        x = self.norm(self.node("Add", x, self.linear(flat, HIDDEN, HIDDEN)))
        inner = self.node("Gelu", self.linear(x, HIDDEN, INNER), domain="com.microsoft")
        return self.norm(self.node("Add", x, self.linear(inner, INNER, HIDDEN)))


def encoder() -> bytes:
    """Return the graph."""
    graph = Graph()
    words = graph.constant(DRAWN.standard_normal((WORDS, HIDDEN), np.float32))
    x = graph.norm(graph.node("Gather", words, "tokens"))
    for _ in range(LAYERS):
        x = graph.layer(x)
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, TOKENS])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, TOKENS, HIDDEN])],
        graph.constants,
    )
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return bytes(onnx.ModelProto.SerializeToString(helper.make_model(
        made, opset_imports=domains, ir_version=9
    )))  # fmt: skip


def _pass_ms(session: Any, tokens: Any) -> float:
    started = time.process_time()
    session.run(None, {"tokens": tokens})
    return (time.process_time() - started) * 1_000


def main() -> None:
    """Time it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(encoder(), options)
    tokens = DRAWN.integers(1_000, WORDS, (1, TOKENS))
    passes = (_pass_ms(session, tokens) for _ in range(ROUNDS * (1 + READINGS)))
    readings = [min(three) for three in zip(*[passes] * ROUNDS, strict=True)]
    sys.stdout.write(f"{np.median(readings[1:])}\n")


if __name__ == "__main__":
    main()
