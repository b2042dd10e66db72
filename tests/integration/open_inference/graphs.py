"""Tensor models for the tests: what goes in comes out, a sum, and some that can go wrong."""

from collections.abc import Sequence
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


def growing(path: Path) -> Path:
    """Fill a tensor of the shape that is asked for: a few bytes in, any number out."""
    nodes = [Node("ConstantOfShape", ["shape"], ["filled"])]
    inputs, outputs = [ValueType("shape", "INT64", [2])], [ValueType("filled", "FP32", ["n", "m"])]
    return write_onnx(path, Graph(nodes, inputs, outputs))
