"""A Ray cluster: one of this study's own on loopback, or one that runs and is only joined.

A cluster of our own has no dashboard, reports nothing to anybody, listens on loopback only, asks
for a random token and lives in a private directory that goes with it. Knows Ray's start and end;
no study.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.errors import BackendUnavailable, ConfigInvalid
from runtime.rpc.address import host_of, is_local

__all__ = [
    "RAY_PACKAGE",
    "Cluster",
    "check_link",
    "is_on_loopback_alone",
    "own_cluster",
    "running_cluster",
]

RAY_PACKAGE: Final = "ray"
_AUTO: Final = "auto"
_CLIENT_SCHEME: Final = "ray://"
_REACH_S: Final = 10.0
_ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address that belongs to nobody (RFC 5737)."""
_OBJECT_STORE_BYTES: Final = 128 * 2**20
_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_enable_metrics_collection": "0"}
_AS_NICE_AS_WE_ARE: Final = {"RAY_worker_niceness": "0"}
"""Ray makes its workers the least urgent of all; ours hardly compute, and a run waits for them."""
_LOOPBACK_ONLY: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's switch for machines that form no clusters: its node is then 127.0.0.1. Ray replaces any
loopback address that it is given as an argument by one that others can reach."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process is connected to."""

    ray: Any
    """The package, connected."""
    cpus: int
    is_own: bool


@asynccontextmanager
async def own_cluster(
    *, cpus: int, environment: MutableMapping[str, str]
) -> AsyncIterator[Cluster]:
    """Start a cluster on this machine and end it with the block.

    Args:
        cpus: How many worker processes it has room for.
        environment: This process's own, where Ray reads its settings and its children inherit them.

    Raises:
        BackendUnavailable: It did not come up.
    """
    # A user's settings may point at another cluster, or at a token that others know.
    token = environment.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)
    environment.update(
        {
            **_QUIET,
            **_AS_NICE_AS_WE_ARE,
            **_LOOPBACK_ONLY,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
        }
    )
    # Private, because Ray opens its own directory to everybody; short, because sockets are in it.
    directory = Path(tempfile.mkdtemp(prefix="leeward-ray-"))
    try:
        async with _connected(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _temp_dir=str(directory / "ray"),
        ) as ray:
            yield Cluster(ray, cpus, is_own=True)
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


@asynccontextmanager
async def running_cluster(
    address: str, *, environment: MutableMapping[str, str]
) -> AsyncIterator[Cluster]:
    """Join a cluster, and leave it as it was at the block's end.

    Args:
        address: As Ray takes it: ``host:port`` of its head, ``ray://host:port``, or ``auto``.
        environment: This process's own; ``RAY_AUTH_MODE`` and Ray's TLS settings in it hold.

    Raises:
        BackendUnavailable: It cannot be joined.
        ConfigInvalid: Questions would travel to another machine in the clear.
    """
    environment.update(_QUIET)
    await _check_reachable(address)
    if await is_on_loopback_alone(address, own_host=_own_host()):
        environment.update(_LOOPBACK_ONLY)
    async with _connected(address=address) as ray:
        nodes = await asyncio.to_thread(ray.nodes)
        check_link(address, nodes, environment)
        cpus = sum(node["Resources"].get("CPU", 0) for node in nodes if node["Alive"])
        yield Cluster(ray, int(cpus), is_own=False)


async def is_on_loopback_alone(address: str, *, own_host: str | None) -> bool:
    """Say whether a cluster's head can be reached on loopback and not by the machine's own address.

    Ray would dial that address whatever it is given, and try for minutes.

    Args:
        address: As for :func:`running_cluster`.
        own_host: The machine's address for others; ``None`` where it has none.
    """
    if address == _AUTO or address.startswith(_CLIENT_SCHEME) or not is_local(address):
        return False
    return own_host is None or await _refusal(own_host, _port_of(address)) is not None


def _own_host() -> str | None:
    """Return the address that this machine would be seen by; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


async def _check_reachable(address: str) -> None:
    """Find out in seconds whether somebody listens; Ray itself tries for minutes.

    Raises:
        BackendUnavailable: Nobody does.
        ConfigInvalid: It is no address.
    """
    if address == _AUTO:
        return
    place = address.removeprefix(_CLIENT_SCHEME)
    refusal = await _refusal(host_of(place), _port_of(place))
    if refusal is not None:
        raise BackendUnavailable(f"Ray at {address}: {refusal}")


def _port_of(place: str) -> int:
    return int(place.rpartition(":")[2])


async def _refusal(host: str, port: int) -> str | None:
    """Return the name of what happened when a connection was tried, ``None`` if it came up."""
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as failure:
        return type(failure).__name__
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None


def check_link(
    address: str, nodes: Sequence[Mapping[str, Any]], environment: Mapping[str, str]
) -> None:
    """Refuse to send questions to another machine in the clear, as every channel of ours does."""
    hosts = {node["NodeManagerAddress"] for node in nodes if node["Alive"]}
    client = address.removeprefix(_CLIENT_SCHEME)
    is_far = client != address and not is_local(client)
    if (len(hosts) > 1 or is_far) and environment.get("RAY_USE_TLS", "0") not in ("1", "true"):
        raise ConfigInvalid(
            "this Ray cluster spans machines and its links are not encrypted; start it, and this"
            " command, with RAY_USE_TLS=1 and Ray's certificates"
        )


def _import_ray() -> Any:
    """Import Ray, which gives every log record of the process a field; ours stay as they are."""
    factory = logging.getLogRecordFactory()
    try:
        return importlib.import_module(RAY_PACKAGE)
    finally:
        logging.setLogRecordFactory(factory)


@asynccontextmanager
async def _connected(*, address: str, **settings: Any) -> AsyncIterator[Any]:
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray = await asyncio.to_thread(_import_ray)
    try:
        # In a thread also because Ray would take the main thread's SIGTERM over.
        await asyncio.to_thread(
            ray.init,
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            namespace=f"leeward-{os.getpid()}",
            **settings,
        )
    except Exception as error:  # noqa: BLE001 - Ray raises whatever it met
        where = "no local Ray could be started" if address == "local" else f"Ray at {address}"
        raise BackendUnavailable(f"{where}: {_first_line(error)}") from None
    # Ray prints what its daemons say to stdout, between the lines of our own results. The switch is
    # its debugger's; there is no public one.
    worker: Any = await asyncio.to_thread(importlib.import_module, f"{RAY_PACKAGE}._private.worker")
    worker._worker_logs_enabled = False  # noqa: SLF001 - see above
    try:
        yield ray
    finally:
        await asyncio.to_thread(ray.shutdown)


def _first_line(error: Exception) -> str:
    """Return what Ray says; nothing of a study has reached it yet."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
