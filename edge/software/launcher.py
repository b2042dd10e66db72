"""Starts the release that is to run, watches one on trial, and goes back where it does not work.

A release is on trial until its daemon says that it is kept. It is left when it dies twice, does not
serve in time, gives no sign of life, or is not kept in time. Outside of a trial the launcher is a
mere parent: how its daemon ends is how it ends.
"""

from __future__ import annotations

import ctypes
import logging
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from edge.software.launched import VARIABLE, Launched
from edge.software.manager import Manager
from edge.software.pointer import (
    INSTALLED,
    MAX_TRIAL_STARTS,
    SoftwarePointer,
    SoftwarePointerFile,
    python_of,
)
from runtime.clock import Clock

__all__ = ["Launcher", "Patience"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_DIED_OF: Final = 128
_PR_SET_PDEATHSIG: Final = 1
_logger: Final = logging.getLogger("leeward.edge.software")
_libc: Final = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a release on trial is waited for, seconds."""

    ready_s: float = 300.0
    """From its start until it serves."""
    stop_s: float = 20.0
    """From being asked to end until it is killed."""


class Launcher:
    """One device's launcher.

    Args:
        directory: ``<state>/software``.
        installed: Starts what was installed: program and arguments before the daemon's own.
        script: What a release's interpreter is given before the daemon's own arguments.
        arguments: The daemon's own.
        packages: Folder of the installed packages.
        manager: Hears the daemon.
        environ: What the daemon inherits.
        patience: How long one on trial is waited for.
        clock: Says when a release was left.
    """

    def __init__(
        self,
        directory: Path,
        *,
        installed: Sequence[str],
        script: Sequence[str],
        arguments: Sequence[str],
        packages: str,
        manager: Manager,
        environ: Mapping[str, str],
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._file = SoftwarePointerFile(directory)
        self._installed = installed
        self._script = script
        self._arguments = arguments
        self._packages = packages
        self._manager = manager
        self._environ = environ
        self._patience = patience
        self._clock = clock
        self._is_stopping = False
        self._daemon: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Keep a daemon running until it is to end; return the exit code."""
        with _handling(self._pass_on):
            while True:
                pointer = self._next()
                code, complaint = self._watch(pointer)
                if self._is_stopping:
                    return code
                newest = self._file.load()
                if newest.current != pointer.current:
                    continue  # the daemon has ended so that another one takes its place
                if not newest.is_trial:
                    return code
                if complaint:
                    self._go_back(newest, complaint)
                else:
                    _logger.error("software_died_on_trial", extra={"exit_code": code})

    def _next(self) -> SoftwarePointer:
        """Return what to start now, noted durably before it is started."""
        pointer = self._file.load()
        if pointer.is_trial and pointer.starts >= MAX_TRIAL_STARTS:
            pointer = self._go_back(pointer, "SoftwareCrashed")
        while pointer.current != INSTALLED and not self._python(pointer.current).exists():
            pointer = self._go_back(pointer, "SoftwareMissing")
        if pointer.is_trial:
            pointer = pointer.started()
            self._file.save(pointer)
        return pointer

    def _go_back(self, pointer: SoftwarePointer, failure: str) -> SoftwarePointer:
        _logger.error("software_left", extra={"reason": failure, "version": pointer.version})
        pointer = pointer.back(failure, at=self._clock.now().isoformat(timespec="seconds"))
        self._file.save(pointer)
        return pointer

    def _watch(self, pointer: SoftwarePointer) -> tuple[int, str]:
        """Run one daemon to its end; return its exit code, and why it had to be ended."""
        self._manager.beginning()
        daemon = self._start(pointer)
        self._daemon = daemon
        _logger.info("software_started", extra={"version": pointer.version, "pid": daemon.pid})
        complaint = ""
        try:
            if self._is_stopping:  # asked for between two daemons
                daemon.terminate()
            complaint = self._listen(daemon, pointer)
        finally:
            code = self._ended(daemon, is_asked=bool(complaint))
            self._daemon = None
        return (code if code >= 0 else _DIED_OF - code), complaint

    def _listen(self, daemon: subprocess.Popen[bytes], pointer: SoftwarePointer) -> str:
        """Wait until the daemon ends, or is to be ended: then return why."""
        began_s = heard_s = time.monotonic()
        is_trial = pointer.is_trial
        handle = os.pidfd_open(daemon.pid)
        try:
            with selectors.DefaultSelector() as selector:
                ended = selector.register(handle, selectors.EVENT_READ)
                selector.register(self._manager, selectors.EVENT_READ)
                while True:
                    ready = selector.select(self._manager.beat_s)
                    if any(key is ended for key, _ in ready):
                        return ""
                    now_s = time.monotonic()
                    if self._manager.hear():
                        heard_s = now_s
                    complaint = self._complaint(pointer, now_s - began_s, now_s - heard_s)
                    if is_trial and complaint and not self._is_stopping:
                        is_trial = self._file.load().is_trial  # else it is kept meanwhile
                        if is_trial:
                            return complaint
                    if not self._manager.is_ready and now_s - began_s < self._patience.ready_s:
                        self._manager.beat()
        finally:
            os.close(handle)

    def _complaint(self, pointer: SoftwarePointer, since_s: float, silent_s: float) -> str:
        if not self._manager.is_ready:
            return "SoftwareNotReady" if since_s > self._patience.ready_s else ""
        if silent_s > self._manager.silence_s:
            return "SoftwareSilent"
        return "SoftwareUnproven" if since_s > pointer.within_s else ""

    def _start(self, pointer: SoftwarePointer) -> subprocess.Popen[bytes]:
        command = self._installed
        if pointer.current != INSTALLED:
            command = [str(self._python(pointer.current)), *self._script]
        environment = {
            name: value
            for name, value in self._environ.items()
            if name not in self._manager.withheld()
        }
        environment |= self._manager.environment()
        environment[VARIABLE] = Launched(pointer.current, self._packages).text()
        return subprocess.Popen(  # noqa: S603 - what an operator has signed
            [*command, *self._arguments], env=environment, preexec_fn=_die_with_parent
        )

    def _ended(self, daemon: subprocess.Popen[bytes], *, is_asked: bool) -> int:
        if is_asked:
            daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                return daemon.wait(self._patience.stop_s)
            daemon.kill()
        return daemon.wait()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._is_stopping = self._is_stopping or number != signal.SIGHUP
        if self._daemon is not None:
            self._daemon.send_signal(number)

    def _python(self, release: str) -> Path:
        return python_of(self._directory, release)


class _handling:  # noqa: N801 - a context, named like a function
    """Has signals answered by a function until the block ends."""

    def __init__(self, answer: Callable[[int, FrameType | None], None]) -> None:
        self._answer = answer

    def __enter__(self) -> None:
        self._former = {number: signal.signal(number, self._answer) for number in _SIGNALS}

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)


def _die_with_parent() -> None:
    """Have a launcher that is killed leave no daemon behind that nobody watches."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
