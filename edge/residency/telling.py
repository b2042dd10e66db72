"""Tells those who want to know whether each model answers, and of every change. Content-free."""

from collections.abc import Awaitable, Callable, Iterable

from edge.engine.process import ModelStatus
from runtime.ids import ModelName

__all__ = ["HealthObserver", "HealthTelling"]

HealthObserver = Callable[[ModelName, bool], Awaitable[None]]
"""Told of a model, and whether it answers from now on."""


class HealthTelling:
    """Who is told, and what they know."""

    def __init__(self) -> None:
        self._observers: list[HealthObserver] = []
        self._told: dict[ModelName, bool] = {}

    def add(self, observer: HealthObserver) -> None:
        """Tell ``observer`` too; with the next :meth:`tell`, of every model."""
        self._observers.append(observer)
        self._told.clear()

    async def tell(self, statuses: Iterable[ModelStatus]) -> None:
        """Tell what has changed; a model that is no longer among them does not answer."""
        now = {status.name: status.state == "ready" for status in statuses}
        gone = dict.fromkeys(self._told.keys() - now.keys(), False)
        for name, is_serving in {**now, **gone}.items():
            if self._told.get(name) is not is_serving:
                self._told[name] = is_serving
                for observer in self._observers:
                    await observer(name, is_serving)
        for name in gone:
            del self._told[name]
