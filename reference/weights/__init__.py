"""The trained weights, and the loader that refuses altered ones."""

from reference.weights.store import (
    WeightsAltered,
    WeightsMissing,
    WeightsOutdated,
    WeightsUnusable,
    onnx_path,
    published_models,
    weights_path,
    write_checksums,
)

__all__ = [
    "WeightsAltered",
    "WeightsMissing",
    "WeightsOutdated",
    "WeightsUnusable",
    "onnx_path",
    "published_models",
    "weights_path",
    "write_checksums",
]
