"""How large models are beside each other, before any of them was run.

The search takes the larger of two models for the better and the dearer one until it knows more.
"""

from collections.abc import Iterable

from runtime.catalog.model import Catalog
from runtime.ids import ModelName

__all__ = ["model_sizes"]

_OUT_OF_SIGHT = 4.0
"""A cloud model whose size nobody tells counts as so many of the largest known one."""


def model_sizes(catalog: Catalog, names: Iterable[str]) -> dict[str, float]:
    """Return relative sizes by model, all > 0: parameters, where the catalog knows them.

    An edge model of unknown size counts as the smallest known one, a cloud model as larger than
    any known one.
    """
    models = [catalog.model_by_name[ModelName(name)] for name in names]
    known = [float(model.parameters) for model in models if model.parameters > 0]
    smallest, largest = min(known, default=1.0), max(known, default=1.0)
    return {
        str(model.name): float(model.parameters)
        or (smallest if catalog.node_of(model).zone == "edge" else _OUT_OF_SIGHT * largest)
        for model in models
    }
