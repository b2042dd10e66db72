"""The trained weights, and the loader that refuses altered ones."""

from reference.weights.store import (
    WeightsAltered,
    WeightsMissing,
    WeightsUnusable,
    weights_path,
    write_checksums,
)

__all__ = [
    "WeightsAltered",
    "WeightsMissing",
    "WeightsUnusable",
    "weights_path",
    "write_checksums",
]
