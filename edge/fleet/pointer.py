"""Which state this device runs, and which ran before: one small file, replaced as a whole.

``<state>/fleet/pointer.json``. Whatever happens to the machine, it holds the old or the new
content; everything it names was on the disk before it. Knows no state's meaning.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from runtime.errors import StateInvalid
from runtime.fleet.order import INSTALLED
from runtime.fleet.report import Outcome
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["AS_INSTALLED", "MAX_TRIAL_STARTS", "Generation", "Pointer", "PointerFile"]

MAX_TRIAL_STARTS: Final = 2
"""How often a daemon starts with a state on trial; one more start, and the last good one is back:
a state that takes the daemon down with it cannot be left in any other way."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A state as this device took it."""

    order: int
    """Number of the order that brought it; 0 for the device's own configuration."""
    state: str = INSTALLED
    """Hash of the packed state."""
    name: str = ""
    revision: int = 0


AS_INSTALLED: Final = Generation(0)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the device stands."""

    current: Generation = AS_INSTALLED
    previous: Generation | None = None
    """The last good one, to go back to; ``None`` before the first state."""
    is_trial: bool = False
    """Whether ``current`` has still to prove itself."""
    starts: int = 0
    """How often the daemon has started during the trial."""
    taken: int = 0
    """The highest number of an order that was taken; none below it ever is again."""
    outcome: Outcome = Outcome.NONE
    """Of that order."""
    failure: str = ""
    """Class name of what was wrong with it."""
    quality: float | None = None
    """Share of its checks that passed."""

    def take(self, number: int) -> Self:
        """Return the pointer once an order has been taken and nothing has come of it yet."""
        return replace(self, taken=number, outcome=Outcome.TRYING, failure="", quality=None)

    def refuse(self, failure: str, *, quality: float | None = None) -> Self:
        """Return the pointer once the newest order came to nothing before any switch."""
        return replace(self, outcome=Outcome.REFUSED, failure=failure, quality=quality)

    def fail(self, failure: str, *, quality: float | None = None) -> Self:
        """Return the pointer once the newest order's state was not healthy; back where it was."""
        failed = replace(self, outcome=Outcome.FAILED, failure=failure, quality=quality)
        return failed.leave(failure) if self.is_trial else failed

    def leave(self, failure: str) -> Self:
        """Return the pointer with the previous state, or none, in place of the present one."""
        return replace(
            self,
            current=self.previous or AS_INSTALLED,
            previous=None,
            is_trial=False,
            starts=0,
            outcome=Outcome.FAILED,
            failure=failure,
        )

    def try_out(self, generation: Generation, *, quality: float | None = None) -> Self:
        """Return the pointer to a state on trial, which the present one stands behind."""
        return replace(
            self,
            current=generation,
            previous=self.current,
            is_trial=True,
            starts=0,
            quality=quality,
        )

    def keep(self) -> Self:
        """Return the pointer once the present state is there for good."""
        return replace(self, is_trial=False, starts=0, outcome=Outcome.RUNS, failure="")

    def go_back(self) -> Self:
        """Return the pointer with the previous state in place of the present one, by hand.

        Raises:
            StateInvalid: There is none.
        """
        if self.previous is None:
            raise StateInvalid("there is no state before this one to go back to")
        return self.leave("RolledBackByHand")

    @property
    def good(self) -> Generation:
        """The state that the device trusts."""
        return (self.previous or AS_INSTALLED) if self.is_trial else self.current


class PointerFile:
    """The file in one state directory.

    Args:
        directory: ``<state>/fleet``; made when something is first written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "pointer.json"

    def load(self) -> Pointer:
        """Return where the device stands.

        Raises:
            StateInvalid: The file is damaged.
        """
        try:
            data = json.loads(self._path.read_bytes())
            return _read(data)
        except FileNotFoundError:
            return Pointer()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            reason = "cannot be read; remove it to start from the device's own configuration"
            raise StateInvalid(reason, file=str(self._path)) from None

    def save(self, pointer: Pointer) -> None:
        """Replace the file, durably.

        Raises:
            OSError: It cannot be written; the old one is untouched.
        """
        ensure_private_directory(self._directory)
        data = asdict(pointer) | {"outcome": pointer.outcome.value}
        write_private_file(self._path, json.dumps(data, indent=2).encode() + b"\n")


def _read(data: Any) -> Pointer:
    previous = data["previous"]
    quality = data["quality"]
    return Pointer(
        current=_generation(data["current"]),
        previous=None if previous is None else _generation(previous),
        is_trial=bool(data["is_trial"]),
        starts=int(data["starts"]),
        taken=int(data["taken"]),
        outcome=Outcome(data["outcome"]),
        failure=str(data["failure"]),
        quality=None if quality is None else float(quality),
    )


def _generation(data: Any) -> Generation:
    return Generation(
        order=int(data["order"]),
        state=str(data["state"]),
        name=str(data["name"]),
        revision=int(data["revision"]),
    )
