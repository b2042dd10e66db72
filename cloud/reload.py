"""A newer configuration for a running gateway: on ``SIGHUP``, all of it that can be or none.

A file that cannot be used changes nothing and is said so. What was asked and came of it is
written beside the state, so that ``leeward cloud reload`` can tell its user.
"""

import asyncio
import json
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Protocol

from cloud.config import CloudConfig, load_config
from cloud.config_fronts import HttpConfig
from runtime.errors import LeewardError
from runtime.private_files import write_private_file

__all__ = [
    "RECORD_NAME",
    "RELOADED",
    "Front",
    "ReloadRecord",
    "Reloading",
    "read_record",
    "restart_needed",
    "taking_over",
]

RELOADED: Final = frozenset(
    {"upstreams", "routes", "routing", "graphs", "http", "drain_s", "drain_notice_s"}
)
"""Fields that a running gateway takes over; of ``http`` what is not about listening."""
RECORD_NAME: Final = "reload.json"
_logger = logging.getLogger("leeward.cloud.reload")


@dataclass(frozen=True, slots=True)
class ReloadRecord:
    """How a running gateway stands towards its configuration file."""

    pid: int
    count: int
    """How often it was asked to reload."""
    error: str = ""
    """Why the newest file was not taken over; empty when it was."""
    restart_needed: tuple[str, ...] = ()
    """Fields that differ from what runs and wait for a restart."""


class Front(Protocol):
    """What a reload asks of the HTTP front."""

    def check(self, config: HttpConfig) -> None:
        """Refuse what it could not take over."""
        ...

    def apply(self, config: HttpConfig) -> None:
        """Take over what was checked."""
        ...


def taking_over(
    prepare: Callable[[CloudConfig], Awaitable[Callable[[], None]]],
    front: Front | None,
    renew_certificates: Callable[[], None],
) -> Callable[[CloudConfig], Awaitable[None]]:
    """Return what takes a configuration over: all that may fail comes before any of it is used.

    Args:
        prepare: Makes ready what a configuration says; what it returns puts that to use.
        front: The HTTP front, where there is one.
        renew_certificates: Shows fresh ones; the authority may not sign now.
    """

    async def apply(newer: CloudConfig) -> None:
        if front is not None and newer.http is not None:
            front.check(newer.http)
        await asyncio.to_thread(renew_certificates)
        commit = await prepare(newer)
        if front is not None and newer.http is not None:
            front.apply(newer.http)
        commit()

    return apply


class Reloading:
    """Reloads whenever the process gets ``SIGHUP``.

    Args:
        path: The configuration file.
        running: The configuration that the gateway runs with.
        apply: Takes a configuration over, wholly or not at all; raises for one that it cannot.
        record: Where the outcome is written; ``None`` for nowhere.
        pid: This process.
    """

    def __init__(
        self,
        path: Path,
        running: CloudConfig,
        apply: Callable[[CloudConfig], Awaitable[None]],
        *,
        record: Path | None,
        pid: int,
    ) -> None:
        self._path = path
        self._running = running
        self.newest = running
        """What was taken over last."""
        self._apply = apply
        self._record = record
        self._pid = pid
        self._count = 0
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Listen for the signal until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        try:
            self._note()
            while True:
                await self._asked.wait()
                self._asked.clear()
                await self.reload()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def reload(self) -> None:
        """Take the file over as it is now, or keep what runs."""
        self._count += 1
        try:
            config = await asyncio.to_thread(load_config, self._path)
            await self._apply(config)
        except LeewardError as error:
            # Which field, from the command line: the text may quote the file.
            _logger.error("reload_refused", extra={"error": type(error).__name__})
            self._note(error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, the gateway goes on
            _logger.error("reload_crashed", extra={"error": type(error).__name__})
            self._note(error="internal error; the gateway's log has its class")
        else:
            self.newest = config
            waiting = restart_needed(self._running, config)
            _logger.info("configuration_reloaded", extra={"count": len(waiting)})
            self._note(restart_needed=waiting)

    def _note(self, *, error: str = "", restart_needed: Sequence[str] = ()) -> None:
        if self._record is None:
            return
        record = ReloadRecord(self._pid, self._count, error, tuple(restart_needed))
        write_private_file(self._record, json.dumps(asdict(record)).encode())


def restart_needed(running: CloudConfig, newer: CloudConfig) -> tuple[str, ...]:
    """Return the fields in which ``newer`` differs and which only a restart takes over."""
    names = [field.name for field in fields(CloudConfig) if field.name not in RELOADED]
    changed = [name for name in names if getattr(running, name) != getattr(newer, name)]
    if _listening(running) != _listening(newer):
        changed.append("http")
    return tuple(changed)


def read_record(path: Path) -> ReloadRecord | None:
    """Return what the gateway wrote, ``None`` when there is nothing to be read."""
    try:
        data = json.loads(path.read_bytes())
        return ReloadRecord(
            int(data["pid"]),
            int(data["count"]),
            str(data["error"]),
            tuple(map(str, data["restart_needed"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _listening(config: CloudConfig) -> tuple[str, bool] | None:
    """Where the HTTP front listens, and whether with TLS."""
    return None if config.http is None else (config.http.listen, config.http.certificate is None)
