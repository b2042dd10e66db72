"""Tensor models for the tests: what goes in comes out, a sum, and some that can go wrong."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from edge.tensors.tensor import WIDTHS
from tests.onnx_files import Graph, Node, ValueType, write_onnx

DATATYPES = (*WIDTHS, "BYTES")


def everything(path: Path, kinds: Sequence[str] = DATATYPES) -> Path:
    """Give every datatype back as it came."""
    inputs = [ValueType(f"in_{kind}", kind, ["n"]) for kind in kinds]
    outputs = [ValueType(f"out_{kind}", kind, ["n"]) for kind in kinds]
    nodes = [Node("Identity", [f"in_{kind}"], [f"out_{kind}"]) for kind in kinds]
    return write_onnx(path, Graph(nodes, inputs, outputs))


def summing(path: Path) -> Path:
    """Add two tensors."""
    inputs = [ValueType(name, "FP32", ["n", 3]) for name in ("a", "b")]
    outputs = [ValueType("total", "FP32", ["n", 3])]
    return write_onnx(path, Graph([Node("Add", ["a", "b"], ["total"])], inputs, outputs))


def looking_up(path: Path) -> Path:
    """Look three numbers up by their place: a place beyond them cannot be computed."""
    nodes = [Node("Gather", ["table", "places"], ["found"])]
    inputs, outputs = [ValueType("places", "INT64", ["n"])], [ValueType("found", "FP32", ["n"])]
    table = np.array([1.0, 2.0, 3.0], np.float32)
    return write_onnx(path, Graph(nodes, inputs, outputs, constants={"table": table}))


def lasting(path: Path, *, steps: int = 600) -> Path:
    """Multiply a matrix with itself many times: how long that takes, its size says."""
    names = ["m", *(f"m_{step}" for step in range(steps - 1)), "product"]
    nodes = [Node("MatMul", [one, "m"], [following]) for one, following in pairwise(names)]
    inputs, outputs = (
        [ValueType("m", "FP32", ["n", "n"])],
        [ValueType("product", "FP32", ["n", "n"])],
    )
    return write_onnx(path, Graph(nodes, inputs, outputs))


def exploding(path: Path) -> Path:
    """Keep a constant of 4 TB in a few bytes, which whoever loads it may want to write out."""
    side = np.array([1 << 20, 1 << 20], np.int64)
    nodes = [Node("ConstantOfShape", ["side"], ["all"]), Node("Add", ["all", "x"], ["y"])]
    inputs, outputs = [ValueType("x", "FP32", [1])], [ValueType("y", "FP32", ["n", "m"])]
    return write_onnx(path, Graph(nodes, inputs, outputs, constants={"side": side}))


def growing(path: Path) -> Path:
    """Fill a tensor of the shape that is asked for: a few bytes in, any number out."""
    nodes = [Node("ConstantOfShape", ["shape"], ["filled"])]
    inputs, outputs = [ValueType("shape", "INT64", [2])], [ValueType("filled", "FP32", ["n", "m"])]
    return write_onnx(path, Graph(nodes, inputs, outputs))
