"""The engine of this process: waiting for edges side by side needs no second one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from optimizer.engines.model import A, Do, Q, Work

__all__ = ["LocalEngine"]


class LocalEngine:
    """Does the work here."""

    def opened(
        self,
        work: Work[Q, A],
        *,
        workers: int,
        progress: Callable[[str], None] = lambda _: None,
    ) -> AbstractAsyncContextManager[Do[Q, A]]:
        """Open the work in this process, for any number of requests at once."""
        return work.opened()
