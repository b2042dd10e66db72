"""An edge daemon of the study's own: started as a subprocess, ended with the study."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from runtime.local.process import LocalProcess

__all__ = ["running_edge"]

_START_S: Final = 120.0


@asynccontextmanager
async def running_edge(
    config: Path, directory: Path, *, environment: Mapping[str, str]
) -> AsyncIterator[str]:
    """Serve an edge while the block runs.

    Args:
        config: Its configuration (edge/v1), with its models, policy and enrolment.
        directory: Where its log and the file with its addresses go.
        environment: What it inherits.

    Yields:
        Its gRPC address.

    Raises:
        BackendUnavailable: It did not come up; with its last words.
    """
    ready = directory / "edge.ready.json"
    ready.unlink(missing_ok=True)
    leeward = Path(sys.executable).with_name("leeward")
    command = [
        *(str(leeward), "edge", "serve"),
        *("--config", str(config), "--ready-file", str(ready)),
    ]
    process = await LocalProcess.start(
        "edge", command, log=directory / "edge.log", environment=environment
    )
    try:
        addresses = await process.wait_ready_file(ready, timeout_s=_START_S)
        yield addresses["grpc"]
    finally:
        await process.stop()
