"""``leeward edge rollback``: back to the state before the present one, by hand, on the device."""

import asyncio
from typing import Final

from edge.cli_options import DEFAULT_CONFIG, ConfigOption
from edge.config import EdgeConfig, load_config
from edge.fleet.pointer import AS_INSTALLED, Pointer, PointerFile
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.errors import LedgerUnavailable, RequestInvalid
from runtime.ledger.writer import LedgerWriter

__all__ = ["rollback"]

_RUNNING: Final = "the daemon runs; stop it, roll back, and start it again"


def rollback(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Go back to the fleet's state before the present one; the daemon must be stopped.

    The next order of an operator brings the device forward again.
    """

    def work() -> None:
        pointer = asyncio.run(_roll_back(load_config(config)))
        current = pointer.current
        name = f"{current.name}@{current.revision}"
        line = f"back to {'its own configuration' if current == AS_INSTALLED else name}"
        show({"order": current.order, "state": current.state or None}, line, as_json=as_json)

    run_command(work, as_json=as_json)


async def _roll_back(config: EdgeConfig) -> Pointer:
    # Whoever holds the ledger is the daemon, and would write its own pointer over this one.
    try:
        ledger = await asyncio.to_thread(
            LedgerWriter.open, config.state / "ledger", clock=SystemClock()
        )
    except LedgerUnavailable:
        raise RequestInvalid(_RUNNING) from None
    try:
        file = PointerFile(config.state / "fleet")
        pointer = file.load().go_back()
        await asyncio.to_thread(file.save, pointer)
    finally:
        await ledger.close()
    return pointer
