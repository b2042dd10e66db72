"""Follows the files of a server's certificate: whoever renews them need tell nobody.

Connections that are open keep what they began with; handshakes from then on see the new one.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runtime.background import meanwhile
from runtime.errors import ConfigInvalid
from runtime.http.server import load_certificate

__all__ = ["following_certificate"]

_INTERVAL_S = 5.0

_logger = logging.getLogger("leeward.http")
_Stamp = tuple[int, int, int] | None


@asynccontextmanager
async def following_certificate(
    context: ssl.SSLContext,
    certificate: Path,
    private_key: Path,
    *,
    interval_s: float = _INTERVAL_S,
) -> AsyncIterator[None]:
    """Load the files into the context whenever they have changed, until the block ends.

    Files that cannot be used, or do not belong together yet, change nothing and are said so.
    """
    seen = _stamps(certificate, private_key)

    async def follow() -> None:
        nonlocal seen
        while True:
            await asyncio.sleep(interval_s)
            now = await asyncio.to_thread(_stamps, certificate, private_key)
            if now == seen:
                continue
            seen = now
            try:
                load_certificate(context, certificate, private_key)
            except ConfigInvalid:
                _logger.error("certificate_files_unusable", extra={"file": certificate.name})
            else:
                _logger.info("certificate_files_loaded", extra={"file": certificate.name})

    async with meanwhile(follow):
        yield


def _stamps(*files: Path) -> tuple[_Stamp, ...]:
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
