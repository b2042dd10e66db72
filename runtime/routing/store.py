"""A predictor in a folder: ``router.npz``, and beside it the card ``router.json``.

The card names the models, the features, what the predictor was learned from, and the digest of the
numbers, so that a file that was altered, or is of another version, is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from runtime.documents.described_file import read_described
from runtime.errors import ModelInvalid
from runtime.routing.bins import MOST_BINS, Bins
from runtime.routing.forest import LEAF, Forest
from runtime.routing.form import FORM_NAMES
from runtime.routing.linear import Linear
from runtime.routing.predictor import Predictor

__all__ = ["BUILT_IN", "read_predictor", "write_predictor"]

BUILT_IN: Final = Path(__file__).resolve().parent / "weights"
"""The predictor that is shipped: a smaller and a larger general model, whichever they are."""
_CARD: Final = "router.json"
_NUMBERS: Final = "router.npz"
_FORMAT: Final = "router/v1"

_Arrays = Mapping[str, npt.NDArray[Any]]


def write_predictor(
    folder: Path, predictor: Predictor, *, learned_from: Mapping[str, object]
) -> None:
    """Write both files; the same predictor gives the same bytes.

    Args:
        folder: Made if it is not there.
        predictor: What to write.
        learned_from: For the card: what a reader should know of where it comes from.

    Raises:
        OSError: They cannot be written.
    """
    numbers = _packed(predictor)
    card = {
        "leeward": _FORMAT,
        "models": list(predictor.models),
        "features": list(FORM_NAMES),
        "learned_from": dict(learned_from),
        "files": {_NUMBERS: hashlib.sha256(numbers).hexdigest()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NUMBERS).write_bytes(numbers)
    (folder / _CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def read_predictor(folder: Path = BUILT_IN) -> Predictor:
    """Read a predictor.

    Raises:
        ModelInvalid: A file is missing, altered, or not what it should be.
    """
    card_file, numbers_file = folder / _CARD, folder / _NUMBERS
    try:
        card = json.loads(read_described(card_file))
        models = tuple(map(str, card["models"]))
        digest, features, format_ = card["files"][_NUMBERS], card["features"], card["leeward"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"{card_file} is not the card of a router") from error
    if format_ != _FORMAT or features != list(FORM_NAMES):
        raise ModelInvalid(f"{card_file} is of another version of Leeward; fit the router again")
    numbers = read_described(numbers_file, sha256=digest)
    try:
        with np.load(io.BytesIO(numbers), allow_pickle=False) as arrays:
            predictor = _unpacked(models, arrays)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ModelInvalid(f"{numbers_file} does not hold a router") from error
    if not _is_whole(predictor):
        raise ModelInvalid(f"{numbers_file} does not hold the router that its card describes")
    return predictor


def _packed(predictor: Predictor) -> bytes:
    forest = predictor.forest
    arrays = {
        "edges": predictor.bins.edges,
        "ranks": predictor.bins.ranks.astype(np.float32),
        "linear_weights": predictor.linear.weights,
        "linear_offsets": predictor.linear.offsets,
        "tree_features": forest.features,
        "tree_thresholds": forest.thresholds,
        "tree_children": forest.children,
        "tree_values": np.round(forest.values * _STEPS).astype(np.uint16),
        "tree_roots": forest.roots,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return packed.getvalue()


_STEPS: Final = 65_535
"""Chances in leaves are kept in sixteen bits."""
_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)


def _unpacked(models: tuple[str, ...], arrays: _Arrays) -> Predictor:
    return Predictor(
        models=models,
        bins=Bins(arrays["edges"], arrays["ranks"]),
        linear=Linear(arrays["linear_weights"], arrays["linear_offsets"]),
        forest=Forest(
            features=arrays["tree_features"],
            thresholds=arrays["tree_thresholds"],
            children=arrays["tree_children"],
            values=(arrays["tree_values"] / np.float32(_STEPS)).astype(np.float32),
            roots=arrays["tree_roots"],
        ),
    )


def _is_whole(predictor: Predictor) -> bool:
    """Whether shapes agree and every path through a tree goes down and ends."""
    width, outputs = len(FORM_NAMES), len(predictor.models)
    forest, bins, linear = predictor.forest, predictor.bins, predictor.linear
    nodes = len(forest.features)
    asks = forest.features != LEAF
    below = forest.children[asks]
    return bool(
        outputs
        and bins.edges.shape == (width, MOST_BINS - 1)
        and bins.ranks.shape == (width, MOST_BINS)
        and linear.weights.shape == (width, outputs)
        and linear.offsets.shape == (outputs,)
        and forest.values.shape == (nodes, outputs)
        and forest.thresholds.shape == forest.children.shape == (nodes,)
        and len(forest.roots)
        and (forest.roots >= 0).all()
        and (forest.roots < nodes).all()
        and (forest.features[asks] >= 0).all()
        and (forest.features[asks] < width).all()
        and (below > np.flatnonzero(asks)).all()
        and (below < nodes - 1).all()
        and np.isfinite(linear.weights).all()
        and np.isfinite(linear.offsets).all()
        and np.isfinite(bins.ranks).all()
    )
