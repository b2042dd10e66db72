"""What a fleet's state says about the software, as far as carrying it out needs to know.

Changing the release ends the daemon: the launcher starts the other one, which finds the state on
trial and goes on. The state's pointer goes ahead of the software's, so a daemon that was killed in
between does the second step at its next start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge.software.launched import Launched
from edge.software.pointer import INSTALLED, SoftwarePointer, SoftwarePointerFile
from edge.software.releases import FetchBundle, Releases
from runtime.clock import Clock
from runtime.errors import SoftwareInvalid
from runtime.fleet.state import ReleaseShape, Wanted

__all__ = ["Software", "SwitchedSoftware", "release_of"]

_SLACK_S: Final = 600.0
"""Beyond its probation, what a release on trial has for starting and for loading models."""


def release_of(wanted: Wanted | None) -> ReleaseShape | None:
    """Return the release that a state names; ``None`` for what was installed."""
    return None if wanted is None else wanted.release


class Software:
    """The software of this device; as it stands here, of a daemon that no launcher has started.

    Such a daemon runs what was installed, and refuses every other release.
    """

    @property
    def can_change(self) -> bool:
        """Whether another release can be started."""
        return False

    def differs(self, release: ReleaseShape | None) -> bool:
        """Whether another release than ``release`` runs; ``None`` means what was installed."""
        return release is not None

    def is_hopeless(self, release: ReleaseShape | None) -> bool:
        """Whether a release cannot run here, or was left last: only a new order tries it again."""
        return release is not None

    def failure_of(self, order: int) -> str:
        """Return why the release that an order brought was left; empty if it was not."""
        return ""

    async def prepare(self, release: ReleaseShape | None, fetch: FetchBundle) -> None:
        """Bring a release here and try whether it starts; one that is here already is believed.

        Raises:
            LeewardError: It cannot be had, or not be used.
        """
        reason = "cannot be changed: start the daemon with `leeward-edge-launch`"
        raise SoftwareInvalid(reason, file="software")

    def try_out(self, release: ReleaseShape | None, *, order: int, probation_s: float) -> None:
        """Have a release run next, on trial, for a state that is watched so long.

        Raises:
            OSError: It cannot be noted; what runs goes on.
        """

    def leave_for(self, release: ReleaseShape | None, *, failure: str) -> None:
        """Have a release run next that was good before.

        Raises:
            OSError: It cannot be noted; what runs goes on.
        """

    def keep(self) -> None:
        """Note that what runs is kept, where that is not noted yet.

        Raises:
            OSError: It cannot be noted.
        """

    def restart(self) -> None:
        """Have this daemon end, so that what was noted starts."""

    def tidy(self) -> None:
        """Remove releases that neither run nor stand behind what runs."""

    def standing(self) -> SoftwarePointer:
        """Return how the device stands with releases."""
        return SoftwarePointer()


class SwitchedSoftware(Software):
    """Of a daemon that the launcher has started.

    Args:
        file: What the launcher reads.
        releases: What is on the disk.
        launched: How this daemon was started.
        clock: Says when a release was left.
        end: Ends this daemon.
    """

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

    @property
    def can_change(self) -> bool:
        """Whether another release can be started: always."""
        return True

    def differs(self, release: ReleaseShape | None) -> bool:
        """Whether another release than ``release`` runs."""
        return _hash_of(release) != self._launched.release

    def is_hopeless(self, release: ReleaseShape | None) -> bool:
        """Whether a release was left last."""
        pointer = self._file.load()
        return bool(pointer.failure) and pointer.failed == _hash_of(release)

    def failure_of(self, order: int) -> str:
        """Return why the release that an order brought was left."""
        pointer = self._file.load()
        return pointer.failure if order and pointer.failed_order == order else ""

    async def prepare(self, release: ReleaseShape | None, fetch: FetchBundle) -> None:
        """Bring a release here, unless it is, and try whether it starts."""
        if release is None or self._releases.has(release.sha256):
            return
        await fetch(self._releases, release, self._releases.bundle(release.sha256))
        await self._releases.admit(release)

    def try_out(self, release: ReleaseShape | None, *, order: int, probation_s: float) -> None:
        """Have a release run next, on trial."""
        pointer = self._file.load()
        trial = pointer.try_out(
            _hash_of(release),
            release.version if release else "",
            order=order,
            within_s=probation_s + _SLACK_S,
        )
        self._file.save(trial)

    def leave_for(self, release: ReleaseShape | None, *, failure: str) -> None:
        """Have a release run next that was good before."""
        at = self._clock.now().isoformat(timespec="seconds")
        version = release.version if release else ""
        pointer = self._file.load()
        self._file.save(pointer.leave(_hash_of(release), version, failure=failure, at=at))

    def keep(self) -> None:
        """Note that what runs is kept, where that is not noted yet."""
        pointer = self._file.load()
        if pointer.is_trial and pointer.current == self._launched.release:
            self._file.save(pointer.keep())

    def restart(self) -> None:
        """Have this daemon end."""
        self._end()

    def tidy(self) -> None:
        """Remove releases that are not needed."""
        pointer = self._file.load()
        self._releases.remove_others({pointer.current, pointer.previous, self._launched.release})

    def standing(self) -> SoftwarePointer:
        """Return how the device stands with releases."""
        return self._file.load()


def _hash_of(release: ReleaseShape | None) -> str:
    return INSTALLED if release is None else release.sha256
