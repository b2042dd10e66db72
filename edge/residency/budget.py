"""Who gets memory and who loses it: arithmetic over places, without effects."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.engine.options import EngineOptions
from edge.models.memory import estimated_bytes, process_bytes
from edge.residency.place import Place
from runtime.errors import CapacityExhausted, ModelTooLarge

__all__ = ["MemoryBudget", "MemoryGauge"]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MemoryGauge:
    """Where sizes come from."""

    estimate: Callable[[Path, EngineOptions], int] = estimated_bytes
    """What a model should take, before it is loaded."""
    measure: Callable[[int], int] = process_bytes
    """What a process takes."""


class MemoryBudget:
    """What all models of a node may take together.

    Args:
        limit_bytes: ``None`` sets no bound.
        places: Every model of the node; looked at anew each time, for models come and go.
    """

    def __init__(self, limit_bytes: int | None, places: Collection[Place]) -> None:
        self._limit_bytes = limit_bytes
        self._places = places

    def victims(self, place: Place, needed_bytes: int) -> list[Place] | None:
        """Return who must go, longest idle first, so that a model may take ``needed_bytes``.

        Returns:
            The fewest that do, taken in that order; none when it fits as it is; ``None`` when
            it would not fit even if all that are idle went.
        """
        if self._limit_bytes is None:
            return []
        others = [other for other in self._places if other is not place]
        over_bytes = _taken(others) + needed_bytes - self._limit_bytes
        return _longest_idle(others, over_bytes)

    def surplus(self) -> list[Place]:
        """Return who should go because all together have grown beyond the limit.

        One model that is there alone stays, whatever it takes: without it nobody is served.
        """
        if self._limit_bytes is None:
            return []
        over_bytes = _taken(self._places) - self._limit_bytes
        loaded = [place for place in self._places if place.is_loaded]
        if over_bytes <= 0 or len(loaded) < 2:
            return []
        idle = sorted((place for place in loaded if place.is_idle), key=_last_use)
        return idle[:1]

    def refuse_beyond(self, place: Place, needed_bytes: int) -> None:
        """Refuse what could not fit if it were alone.

        Raises:
            ModelTooLarge: It could not.
        """
        if self._limit_bytes is None or needed_bytes <= self._limit_bytes:
            return
        needed, limit = needed_bytes / _MIB, self._limit_bytes / _MIB
        reason = f"it takes {needed:,.0f} MiB and `memory_budget_mib` allows {limit:,.0f}"
        raise ModelTooLarge(
            f"model {place.name}: {reason}; give it fewer `cache_tokens`, or raise the budget"
        )

    def shortage(self, place: Place, needed_bytes: int) -> CapacityExhausted:
        """Return the refusal of a model for which others leave no memory now."""
        needed = f"{needed_bytes / _MIB:,.0f} MiB"
        reason = f"needs {needed} of the memory budget, which models with open calls have taken"
        return CapacityExhausted(f"model {place.name} {reason}")


def _longest_idle(places: list[Place], over_bytes: int) -> list[Place] | None:
    """Return the idle places to empty, in order, until ``over_bytes`` are free."""
    found: list[Place] = []
    for place in sorted((place for place in places if place.is_idle), key=_last_use):
        if over_bytes <= 0:
            break
        found.append(place)
        over_bytes -= place.memory_bytes
    return found if over_bytes <= 0 else None


def _taken(places: Iterable[Place]) -> int:
    return sum(place.memory_bytes for place in places)


def _last_use(place: Place) -> float:
    return place.last_used_s
