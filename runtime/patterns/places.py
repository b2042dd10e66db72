"""How a configuration says which models the places of the shipped patterns get."""

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from runtime.documents.names import ModelText
from runtime.ids import ModelName

__all__ = ["Places", "places_of"]


def _form(value: object) -> str:
    return "models" if isinstance(value, dict) else "switch"


Places = Annotated[
    Annotated[bool, Tag("switch")]
    | Annotated[dict[Literal["near", "far", "far-small"], ModelText], Tag("models")],
    Discriminator(_form),
]
"""Models by place, ``true`` for the catalog's best fits, or ``false`` for no patterns."""


def places_of(written: Places) -> dict[str, ModelName] | None:
    """Return the models that were named, and ``None`` where no pattern is to be served."""
    if isinstance(written, bool):
        return {} if written else None
    return {str(place): ModelName(model) for place, model in written.items()}
