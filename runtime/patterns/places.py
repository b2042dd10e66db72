"""How a configuration says which models the places of the shipped patterns get."""

from typing import Literal

from runtime.documents.names import ModelText
from runtime.ids import ModelName

__all__ = ["Places", "places_of"]

Places = bool | dict[Literal["near", "far", "far-small"], ModelText]
"""Models by place, ``true`` for the catalog's best fits, or ``false`` for no patterns."""


def places_of(written: Places) -> dict[str, ModelName] | None:
    """Return the models that were named, and ``None`` where no pattern is to be served."""
    if isinstance(written, bool):
        return {} if written else None
    return {str(place): ModelName(model) for place, model in written.items()}
