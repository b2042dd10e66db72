"""A launcher over daemons that do as they are told; run as a process by ``test_launcher``.

``launched_daemon.py launch DIR [POINT]`` is the launcher, killed before its step of that number;
``launched_daemon.py serve DIR`` is a daemon: what it does, ``behaviours.json`` says by release.
"""

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from edge.software.launched import Launched
from edge.software.launcher import Launcher, Patience
from edge.software.manager import Manager
from edge.software.pointer import SoftwarePointerFile
from runtime.clock import SystemClock
from runtime.testing.dying import die_at

STEPS = ("open", "fsync", "replace")
"""What changes a pointer."""


def launch(root: Path, point: int) -> int:
    """Launch until told to stop."""
    settings = json.loads((root / "behaviours.json").read_text())
    # The releases here have an interpreter, and nothing else of their own.
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    die_at(point, STEPS)
    with Manager(environ, silence_s=settings.get("silence_s", 30.0)) as manager:
        return Launcher(
            root / "software",
            installed=[sys.executable, __file__],
            script=[__file__],
            arguments=["serve", str(root)],
            packages="none",
            manager=manager,
            environ=environ,
            patience=Patience(ready_s=settings.get("ready_s", 60.0), stop_s=5.0),
            clock=SystemClock(),
        ).run()


def serve(root: Path) -> int:
    """Be a daemon."""
    launched = Launched.of(os.environ)
    assert launched is not None
    behaviour = json.loads((root / "behaviours.json").read_text())["does"][launched.release]
    with (root / "started").open("a") as file:
        file.write(f"{launched.release or 'installed'}\n")
    if behaviour == "crash":
        return 3
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    if behaviour != "hang":
        tell("READY=1")
    file = SoftwarePointerFile(root / "software")
    if behaviour == "keep":
        file.save(file.load().keep())
    if behaviour == "switch":
        file.save(file.load().try_out("b" * 64, "2", order=4, within_s=60.0))
        tell("STOPPING=1")
        return 0
    with (root / "serving").open("a") as note:
        note.write(f"{launched.release or 'installed'}\n")
    while not stopped:
        if behaviour != "silent":
            tell("WATCHDOG=1")
        time.sleep(0.05)
    tell("STOPPING=1")
    return 0


def tell(what: str) -> None:
    """Tell whoever launched this."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.sendto(what.encode(), os.environ["NOTIFY_SOCKET"])


if __name__ == "__main__":
    root = Path(sys.argv[2])
    if sys.argv[1] == "launch":
        sys.exit(launch(root, int(sys.argv[3]) if len(sys.argv) > 3 else 0))
    sys.exit(serve(root))
