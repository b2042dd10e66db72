"""``leeward cloud reload``: the running gateway takes its configuration file over.

Parses, signals, waits for what came of it, prints; mounted by ``cloud.cli``.
"""

import os
import signal
import time
from pathlib import Path
from typing import Final

from cloud.cli_state import DEFAULT_CONFIG, ConfigOption
from cloud.config import load_config
from cloud.reload import RECORD_NAME, ReloadRecord, read_record
from cloud.running import holder_of
from runtime.cli.output import JsonOption, run_command, show
from runtime.errors import BackendUnavailable, ConfigInvalid, DeadlineExceeded

__all__ = ["reload"]

_PATIENCE_S: Final = 15.0
_INTERVAL_S: Final = 0.05


def reload(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Let the running gateway take its configuration file over; no stream is dropped."""

    def work() -> None:
        record = _reloaded(load_config(config).state)
        if record.error:
            raise ConfigInvalid(f"the gateway keeps what it runs with: {record.error}")
        lines = [f"{config}: taken over"]
        if record.restart_needed:
            lines.append(f"these wait for a restart: {', '.join(record.restart_needed)}")
        data = {"ok": True, "restart_needed": list(record.restart_needed)}
        show(data, *lines, as_json=as_json)

    run_command(work, as_json=as_json)


def _reloaded(state: Path) -> ReloadRecord:
    """Signal the gateway that serves from ``state``, and return what it made of the file."""
    pid = holder_of(state)
    path = state / RECORD_NAME
    before = read_record(path)
    if pid is None or before is None or before.pid != pid:
        raise BackendUnavailable(f"no gateway of this machine serves from {state}")
    os.kill(pid, signal.SIGHUP)
    until_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until_s:
        record = read_record(path)
        if record is not None and record.pid == pid and record.count > before.count:
            return record
        time.sleep(_INTERVAL_S)
    raise DeadlineExceeded(f"the gateway (pid {pid}) did not reload within {_PATIENCE_S:g} s")
