"""Which release of the software is to run, and which ran before: one small file.

``<state>/software/pointer.json``, replaced as a whole by the daemon, which changes releases, and by
the launcher, which leaves one that does not work. Whatever happens to the machine, it holds the old
or the new content; what it names was on the disk before it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["INSTALLED", "MAX_TRIAL_STARTS", "SoftwarePointer", "SoftwarePointerFile", "python_of"]

INSTALLED: Final = ""
"""In place of a release's hash: what was installed on the device, the launcher included."""
MAX_TRIAL_STARTS: Final = 2
"""How often a release on trial is started; a third time, and the one before it is back."""


@dataclass(frozen=True, slots=True)
class SoftwarePointer:
    """What is to run."""

    current: str = INSTALLED
    """SHA-256 of the release's bundle, hexadecimal."""
    version: str = ""
    """What that release calls itself; empty for what was installed."""
    previous: str = INSTALLED
    """What to go back to while ``current`` is on trial."""
    previous_version: str = ""
    is_trial: bool = False
    """Whether ``current`` has still to prove itself."""
    order: int = 0
    """Number of the order that brought ``current``."""
    starts: int = 0
    """How often it was started on trial."""
    within_s: float = 0.0
    """How long after a start the daemon has for saying that it is kept."""
    failed: str = INSTALLED
    """The release that was left last."""
    failed_version: str = ""
    failed_order: int = 0
    failure: str = ""
    """Why; a name in one word. Empty while none was ever left."""
    failed_at: str = ""
    """When, by this device's clock (ISO 8601)."""

    def try_out(self, release: str, version: str, *, order: int, within_s: float) -> Self:
        """Return the pointer to another release on trial, which the present one stands behind."""
        return replace(
            self,
            current=release,
            version=version,
            previous=self.current,
            previous_version=self.version,
            is_trial=True,
            order=order,
            starts=0,
            within_s=within_s,
        )

    def keep(self) -> Self:
        """Return the pointer once the present release is there for good."""
        kept = replace(
            self, is_trial=False, starts=0, previous=INSTALLED, previous_version="", within_s=0.0
        )
        if self.failed != self.current:
            return kept
        return replace(kept, failed=INSTALLED, failed_version="", failure="", failed_at="")

    def leave(self, release: str, version: str, *, failure: str, at: str) -> SoftwarePointer:
        """Return the pointer to a release that was good before, in place of the present one."""
        return SoftwarePointer(
            current=release,
            version=version,
            failed=self.current,
            failed_version=self.version,
            failed_order=self.order,
            failure=failure,
            failed_at=at,
        )

    def back(self, failure: str, *, at: str) -> SoftwarePointer:
        """Return the pointer to the release before the one on trial."""
        return self.leave(self.previous, self.previous_version, failure=failure, at=at)

    def started(self) -> Self:
        """Return the pointer once the release on trial is about to be started again."""
        return replace(self, starts=self.starts + 1)


class SoftwarePointerFile:
    """The file of one device.

    Args:
        directory: ``<state>/software``; made when something is first written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "pointer.json"

    def load(self) -> SoftwarePointer:
        """Return what is to run; what was installed, where the file is missing or damaged.

        A launcher that stopped over a damaged file would leave a device without any daemon.
        """
        try:
            data = json.loads(self._path.read_bytes())
            found = {field.name: data[field.name] for field in fields(SoftwarePointer)}
        except (OSError, ValueError, KeyError, TypeError):
            return SoftwarePointer()
        blank = asdict(SoftwarePointer())
        is_sound = all(isinstance(found[name], type(blank[name])) for name in blank)
        return SoftwarePointer(**found) if is_sound else SoftwarePointer()

    def save(self, pointer: SoftwarePointer) -> None:
        """Replace the file, durably.

        Raises:
            OSError: It cannot be written; the old one is untouched.
        """
        ensure_private_directory(self._directory)
        write_private_file(self._path, json.dumps(asdict(pointer), indent=2).encode() + b"\n")


def python_of(directory: Path, release: str) -> Path:
    """Return the interpreter of an unpacked release.

    Args:
        directory: ``<state>/software``.
        release: Its hash.
    """
    return directory / "releases" / release / "bin" / "python"
