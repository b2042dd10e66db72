"""A process that is killed at a step of its own choosing, for tests of what that leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["die_at"]


def die_at(point: int, steps: Iterable[str]) -> None:
    """Have this process killed by SIGKILL before one of its changes of the disk.

    Args:
        point: Before which, counted from 1; 0 counts and kills nobody.
        steps: Functions of ``os`` that count as changes.
    """
    done = 0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **options)

        return call

    for name in steps:
        setattr(os, name, counted(getattr(os, name)))
