"""What carrying out an order needs: models brought here, and something that serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.models.room import Room
from runtime.fleet.state import CheckShape, ModelShape, ReleaseShape

if TYPE_CHECKING:
    from edge.fleet.boot import Effective

__all__ = ["Calls", "Pulling", "Stage"]


class Pulling(Protocol):
    """Brings here what a state names; returns at once when it is there."""

    async def fetch(self, name: str, model: ModelShape) -> None:
        """Bring a model into the store, under a name.

        Raises:
            LeewardError: It cannot be had.
        """
        ...

    async def fetch_bundle(self, room: Room, release: ReleaseShape, target: Path) -> None:
        """Bring the bundle of a software release to a path.

        Raises:
            LeewardError: It cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of this device's models since it started."""

    ended: int = 0
    failed: int = 0


class Stage(Protocol):
    """What serves: the daemon, which can change what it serves with while it runs."""

    async def try_out(self, candidate: Effective, checks: tuple[CheckShape, ...]) -> float | None:
        """Load and ask a candidate's new models beside those that serve; return its quality.

        Raises:
            LeewardError: One cannot be loaded, or does not answer.
        """
        ...

    async def switch(self, candidate: Effective) -> None:
        """Serve new calls with a candidate; calls that run go on as they began.

        Raises:
            LeewardError: It cannot be served; what served before serves still.
        """
        ...

    def calls(self) -> Calls:
        """How many calls have ended so far."""
        ...

    def lost_models(self) -> tuple[str, ...]:
        """Which models were to answer and cannot."""
        ...
