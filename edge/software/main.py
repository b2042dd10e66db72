"""``leeward-edge-launch``: starts the edge daemon, and the release of it that the fleet wants."""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
from pathlib import Path
from typing import Final

from edge.software.launcher import Launcher, Patience
from edge.software.manager import Manager
from runtime.clock import SystemClock
from runtime.telemetry.logs import configure_logging

__all__ = ["main"]

_SCRIPT: Final = ("-I", "-c", "from runtime.cli.main import main; main()")
_HELP: Final = "Start the edge daemon, in the release that its fleet wants; go back if it fails."


def main() -> None:
    """Run until the daemon is to end; exit as it did."""
    parser = argparse.ArgumentParser(
        prog="leeward-edge-launch",
        description=_HELP,
        usage="%(prog)s --state DIR [options] -- edge serve --config FILE",
    )
    parser.add_argument(
        "--state", type=Path, required=True, help="`state` of the daemon's configuration"
    )
    parser.add_argument(
        "--ready-within",
        type=float,
        default=Patience().ready_s,
        metavar="SECONDS",
        help="until a release on trial must serve (default: %(default)g)",
    )
    parser.add_argument(
        "--silent-for",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="until one without a sign of life is left; systemd's WatchdogSec goes before",
    )
    parser.add_argument("arguments", nargs="+", metavar="edge serve ...")
    asked = parser.parse_args()
    configure_logging(sys.stderr)
    environ = dict(os.environ)  # noqa: TID251 - handed on to the daemon
    with Manager(environ, silence_s=asked.silent_for) as manager:
        launcher = Launcher(
            (asked.state / "software").absolute(),
            installed=[sys.executable, *_SCRIPT],
            script=_SCRIPT,
            arguments=asked.arguments,
            packages=sysconfig.get_path("purelib"),
            manager=manager,
            environ=environ,
            patience=Patience(ready_s=asked.ready_within),
            clock=SystemClock(),
        )
        code = launcher.run()
    sys.exit(code)


if __name__ == "__main__":
    main()
