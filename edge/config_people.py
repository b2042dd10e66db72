"""The section ``people`` of the edge's configuration: how graphs ask them."""

from dataclasses import dataclass

from pydantic import Field

from runtime.documents.shape import Shape

__all__ = ["PeopleConfig", "PeopleShape", "people_config"]


class PeopleShape(Shape):
    """The section ``people``."""

    wait_s: float = Field(default=300.0, gt=0, le=3600)
    """How long a question waits at most; never longer than nine tenths of its caller's time."""


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """How graphs ask a person."""

    wait_s: float


def people_config(shape: PeopleShape | None) -> PeopleConfig | None:
    """Return the section; ``None`` where nobody is to be asked."""
    return None if shape is None else PeopleConfig(shape.wait_s)
