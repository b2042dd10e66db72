"""Regular expressions with a bound on time: a pattern that backtracks without end has not matched.

Python's matcher cannot be interrupted, so it runs in a process that the kernel ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Final

from runtime.errors import BackendUnavailable

__all__ = ["is_found", "pattern_problem"]

_CPU_S: Final = 1
_WALL_S: Final = 60.0
_FOUND, _NOT_FOUND = 10, 11
_SEARCH: Final = f"""
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_CPU_S}, {_CPU_S}))
pattern, text = json.load(sys.stdin)
sys.exit({_FOUND} if re.search(pattern, text) else {_NOT_FOUND})
"""


def pattern_problem(pattern: str) -> str | None:
    """Say why a pattern cannot tell right from wrong, or ``None``."""
    try:
        compiled = re.compile(pattern)
    except re.error as failure:
        return f"is not a regular expression: {failure.msg}"
    except (OverflowError, RecursionError):
        return "is not a regular expression: too large"
    if compiled.search("") is not None:
        return "matches an empty answer, so every answer would be right"
    return None


async def is_found(pattern: str, text: str) -> bool:
    """Say whether a pattern is found in a text within a second of CPU time.

    Raises:
        BackendUnavailable: The process that searches could not be run.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _SEARCH),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(_WALL_S):
            await process.communicate(json.dumps([pattern, text]).encode())
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (_FOUND, _NOT_FOUND) and (process.returncode or 0) >= 0:
        raise BackendUnavailable("the process that matches patterns failed")
    return process.returncode == _FOUND
