"""Stands between the daemon and systemd: hears that the daemon serves and lives, and passes it on.

While a daemon is being exchanged it is the launcher that says that all is well, so that systemd
does not give up a device that updates itself. Outside of that it adds nothing.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["Manager"]

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG_US: Final = "WATCHDOG_USEC"
_WATCHDOG_PID: Final = "WATCHDOG_PID"
_STOPPING: Final = b"STOPPING=1"
_MOST_BYTES: Final = 4096
_BEATS: Final = 3


class Manager:
    """The socket that the daemon tells, and the one of the service manager above; a context.

    Args:
        environ: What the launcher itself was started with.
        silence_s: After how long without a sign of life a daemon on trial is given up; what
            systemd says, where it says so.
    """

    def __init__(self, environ: Mapping[str, str], *, silence_s: float) -> None:
        self._above = environ.get(_SOCKET, "")
        said_us = environ.get(_WATCHDOG_US, "")
        self._is_watched = said_us.isdecimal() and int(said_us) > 0
        self.silence_s = int(said_us) / 1e6 if self._is_watched else silence_s
        self.is_ready = False
        """Whether the daemon that runs now has said that it serves."""
        self._was_ready = False
        self._folder = Path(tempfile.mkdtemp(prefix="leeward-"))
        self._own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._own.setblocking(False)
        self._own.bind(str(self._folder / "notify"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._own.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fileno(self) -> int:
        """Return the descriptor that can be read when the daemon has said something."""
        return self._own.fileno()

    def environment(self) -> dict[str, str]:
        """Return what a daemon finds in its environment."""
        return {
            _SOCKET: str(self._folder / "notify"),
            _WATCHDOG_US: str(int(self.silence_s * 1e6)),
        }

    def withheld(self) -> frozenset[str]:
        """Return what of the launcher's environment the daemon must not find."""
        return frozenset({_WATCHDOG_PID})

    @property
    def beat_s(self) -> float:
        """How often :meth:`beat` is to be called while a daemon starts."""
        return self.silence_s / _BEATS

    def beginning(self) -> None:
        """Note that another daemon is about to be started."""
        self.is_ready = False

    def hear(self) -> bool:
        """Take in what the daemon has said; return whether it was a sign of life."""
        is_alive = False
        while True:
            try:
                said = self._own.recv(_MOST_BYTES)
            except BlockingIOError:
                return is_alive
            lines = said.splitlines()
            is_alive = is_alive or b"WATCHDOG=1" in lines or b"READY=1" in lines
            if b"READY=1" in lines:
                self.is_ready = self._was_ready = True
            # A daemon that ends is no service that ends: systemd would kill, after its time to
            # stop, whatever was started in its place.
            passed_on = b"\n".join(line for line in lines if line != _STOPPING)
            if passed_on:
                self._tell(passed_on)

    def beat(self) -> None:
        """Say for a daemon that is being started that all is well."""
        if self._was_ready and self._is_watched:
            self._tell(b"WATCHDOG=1")

    def _tell(self, said: bytes) -> None:
        if not self._above.startswith(("/", "@")):
            return
        address = "\0" + self._above[1:] if self._above.startswith("@") else self._above
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as above:
            above.setblocking(False)
            above.connect(address)
            above.send(said)
