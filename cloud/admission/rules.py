"""What operators have set: budgets, and limits of rate and concurrency. Plain data.

A replica keeps them in memory, because every call asks which of them it counts towards; who asked
the same a moment ago is answered from the last time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from cloud.admission.periods import Period
from cloud.admission.scopes import Scope, Subject

__all__ = ["Budget", "Limit", "Matcher"]

_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent on the calls of a scope in a period."""

    name: str
    scope: Scope
    period: Period
    cap_micros: int | None
    """``None`` when money is not capped; then tokens are."""
    cap_tokens: int | None
    """Prompt and completion together; ``None`` when tokens are not capped."""
    id: int = 0
    """Given by the store."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast, and how many at once, the calls of a scope may come."""

    name: str
    scope: Scope
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrent: int | None = None


class _Scoped(Protocol):
    @property
    def scope(self) -> Scope: ...


_Rule = TypeVar("_Rule", bound=_Scoped)


class Matcher(Generic[_Rule]):
    """Finds the rules that a call counts towards."""

    def __init__(self, rules: Iterable[_Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._found: dict[tuple[str, ...], tuple[_Rule, ...]] = {}

    def matching(self, subject: Subject) -> tuple[_Rule, ...]:
        """Return the rules whose scope covers ``subject``, in their own order."""
        if not self.rules:
            return ()
        key = tuple(subject.values())
        found = self._found.get(key)
        if found is None:
            found = tuple(rule for rule in self.rules if rule.scope.covers(subject))
            if len(self._found) >= _REMEMBERED:
                self._found.clear()  # graphs are named by callers: do not let them fill memory
            self._found[key] = found
        return found
