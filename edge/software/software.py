"""What a fleet's state says about the software, as far as carrying it out needs to know.

Changing the release ends the daemon: the launcher starts the other one, which finds the state on
trial and goes on. The state's pointer goes ahead of the software's, so a daemon that was killed in
between does the second step at its next start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from edge.software.launched import Launched
from edge.software.pointer import INSTALLED, SoftwarePointer, SoftwarePointerFile
from edge.software.releases import FetchBundle, Releases
from runtime.clock import Clock
from runtime.errors import SoftwareInvalid
from runtime.fleet.state import ReleaseShape, Wanted

__all__ = ["FixedSoftware", "Software", "SwitchedSoftware", "release_of"]

_SLACK_S: Final = 600.0
"""Beyond its probation, what a release on trial has for starting and for loading models."""


class Software(Protocol):
    """The software of this device."""

    @property
    def can_change(self) -> bool:
        """Whether another release can be started."""
        ...

    def differs(self, release: ReleaseShape | None) -> bool:
        """Whether another release than ``release`` runs; ``None`` means what was installed."""
        ...

    def is_hopeless(self, release: ReleaseShape | None) -> bool:
        """Whether a release was left last, so that only a new order tries it again."""
        ...

    def failure_of(self, order: int) -> str:
        """Return why the release that an order brought was left; empty if it was not."""
        ...

    async def prepare(self, release: ReleaseShape | None, fetch: FetchBundle) -> None:
        """Bring a release here and try whether it starts.

        Raises:
            LeewardError: It cannot be had, or not be used.
        """
        ...

    def try_out(self, release: ReleaseShape | None, *, order: int, probation_s: float) -> None:
        """Have a release run next, on trial, for a state that is watched so long."""
        ...

    def leave_for(self, release: ReleaseShape | None, *, failure: str) -> None:
        """Have a release run next that was good before."""
        ...

    def keep(self) -> None:
        """Note that what runs is kept."""
        ...

    def restart(self) -> None:
        """Have this daemon end, so that what was noted starts."""
        ...

    def tidy(self) -> None:
        """Remove what is not needed any more."""
        ...

    def standing(self) -> SoftwarePointer:
        """Return how the device stands with releases."""
        ...


def release_of(wanted: Wanted | None) -> ReleaseShape | None:
    """Return the release that a state names; ``None`` for what was installed."""
    return None if wanted is None else wanted.release


class FixedSoftware:
    """Of a daemon that no launcher has started: it cannot be changed."""

    can_change = False

    def differs(self, release: ReleaseShape | None) -> bool:
        """Whether another release than ``release`` runs."""
        return release is not None

    def is_hopeless(self, release: ReleaseShape | None) -> bool:
        """Whether another release than what runs is meant."""
        return release is not None

    def failure_of(self, order: int) -> str:
        """Return nothing: no release was ever left."""
        return ""

    async def prepare(self, release: ReleaseShape | None, fetch: FetchBundle) -> None:
        """Refuse.

        Raises:
            SoftwareInvalid: Always.
        """
        reason = "cannot be changed: start the daemon with `leeward-edge-launch`"
        raise SoftwareInvalid(reason, file="software")

    def try_out(self, release: ReleaseShape | None, *, order: int, probation_s: float) -> None:
        """Do nothing: no release gets this far."""

    def leave_for(self, release: ReleaseShape | None, *, failure: str) -> None:
        """Do nothing: whoever starts the daemon by hand says what runs."""

    def keep(self) -> None:
        """Do nothing: nothing is on trial."""

    def restart(self) -> None:
        """Do nothing: there is nothing else to start."""

    def tidy(self) -> None:
        """Do nothing."""

    def standing(self) -> SoftwarePointer:
        """Return what was installed."""
        return SoftwarePointer()


class SwitchedSoftware:
    """Of a daemon that the launcher has started.

    Args:
        file: What the launcher reads.
        releases: What is on the disk.
        launched: How this daemon was started.
        clock: Says when a release was left.
        end: Ends this daemon.
    """

    can_change = True

    def __init__(
        self,
        file: SoftwarePointerFile,
        releases: Releases,
        launched: Launched,
        *,
        clock: Clock,
        end: Callable[[], None],
    ) -> None:
        self._file = file
        self._releases = releases
        self._launched = launched
        self._clock = clock
        self._end = end

    def differs(self, release: ReleaseShape | None) -> bool:
        """Whether another release than ``release`` runs."""
        return _hash_of(release) != self._launched.release

    def is_hopeless(self, release: ReleaseShape | None) -> bool:
        """Whether a release was left last, so that only a new order tries it again."""
        pointer = self._file.load()
        return bool(pointer.failure) and pointer.failed == _hash_of(release)

    def failure_of(self, order: int) -> str:
        """Return why the release that an order brought was left."""
        pointer = self._file.load()
        return pointer.failure if order and pointer.failed_order == order else ""

    async def prepare(self, release: ReleaseShape | None, fetch: FetchBundle) -> None:
        """Bring a release here and try whether it starts; one that is here already is believed.

        Raises:
            LeewardError: It cannot be had, or not be used.
        """
        if release is None or self._releases.has(release.sha256):
            return
        await fetch(self._releases, release, self._releases.bundle(release.sha256))
        await self._releases.admit(release)

    def try_out(self, release: ReleaseShape | None, *, order: int, probation_s: float) -> None:
        """Have a release run next, on trial.

        Raises:
            OSError: It cannot be noted; what runs goes on.
        """
        pointer = self._file.load()
        trial = pointer.try_out(
            _hash_of(release),
            release.version if release else "",
            order=order,
            within_s=probation_s + _SLACK_S,
        )
        self._file.save(trial)

    def leave_for(self, release: ReleaseShape | None, *, failure: str) -> None:
        """Have a release run next that was good before.

        Raises:
            OSError: It cannot be noted; what runs goes on.
        """
        at = self._clock.now().isoformat(timespec="seconds")
        version = release.version if release else ""
        pointer = self._file.load()
        self._file.save(pointer.leave(_hash_of(release), version, failure=failure, at=at))

    def keep(self) -> None:
        """Note that what runs is kept, where that is not noted yet.

        Raises:
            OSError: It cannot be noted.
        """
        pointer = self._file.load()
        if pointer.is_trial and pointer.current == self._launched.release:
            self._file.save(pointer.keep())

    def restart(self) -> None:
        """Have this daemon end, so that what was noted starts."""
        self._end()

    def tidy(self) -> None:
        """Remove releases that neither run nor stand behind what runs."""
        pointer = self._file.load()
        self._releases.remove_others({pointer.current, pointer.previous, self._launched.release})

    def standing(self) -> SoftwarePointer:
        """Return how the device stands with releases."""
        return self._file.load()


def _hash_of(release: ReleaseShape | None) -> str:
    return INSTALLED if release is None else release.sha256
