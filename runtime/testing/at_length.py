"""Hold a property against many thousand examples, on all cores, each drawn from its own seed.

A property is a function of a :class:`~runtime.testing.drawing.Draw` that raises where it does not
hold. Seeds count up from the first one, so that a failing example is drawn again by its own seed
alone, whatever the number of processes was.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pprint import pformat

from runtime.testing.drawing import BySeed, Draw, PassedOver
from runtime.testing.shrinking import failure_of, smallest

__all__ = ["Property", "PropertyBroken", "Tally", "hold"]

Property = Callable[[Draw], None]
_CHUNK = 250
"""Examples that a process draws at a time."""
_MOST_DRAWN = 200
"""Examples drawn for each that counts, before it is said that too few do."""


class PropertyBroken(AssertionError):
    """An example breaks the property."""


@dataclass(slots=True)
class Tally:
    """What was drawn."""

    held: int = 0
    """Examples that the property was held against, and that it holds for."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Examples that say nothing about it, by reason."""
    notes: dict[str, Counter[str]] = field(default_factory=dict)
    """Of those held: how many have which value of what is noted."""
    broken_seed: int | None = None
    """The first seed whose example breaks the property."""

    @property
    def drawn(self) -> int:
        """Examples drawn in all."""
        return self.held + self.passed_over.total()

    def add(self, other: Tally) -> None:
        """Add what another process drew."""
        self.held += other.held
        self.passed_over += other.passed_over
        for name, values in other.notes.items():
            self.notes.setdefault(name, Counter()).update(values)

    def lines(self) -> Iterator[str]:
        """Yield what was drawn, one line a subject, shares in percent."""
        why = ", ".join(f"{reason} {count:,}" for reason, count in self.passed_over.most_common())
        yield f"held against {self.held:,} of {self.drawn:,} drawn" + (why and f" ({why})")
        for name, values in self.notes.items():
            shares = (f"{key} {100 * values[key] / self.held:.1f} %" for key in sorted(values))
            yield f"  {name}: " + ", ".join(shares)


def hold(
    check: Property,
    *,
    examples: int,
    first_seed: int = 0,
    processes: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Hold a property against ``examples`` examples that count.

    Args:
        check: The property; with several processes, a function of an importable module.
        examples: How many must count; a few more may.
        first_seed: Seed of the first example.
        processes: Processes to share the work.
        advance: Told how many more examples were held.

    Returns:
        What was drawn.

    Raises:
        PropertyBroken: An example breaks it; its text has the seed and the smallest such example.
        ValueError: Hardly any example counts.
    """
    whole = Tally()
    for tally in _tallies(check, first_seed, min(_CHUNK, examples), processes):
        whole.add(tally)
        advance(tally.held)
        if tally.broken_seed is not None:
            raise PropertyBroken(_told(check, tally.broken_seed, whole))
        if whole.held >= examples:
            break
        if whole.drawn > _MOST_DRAWN * max(whole.held, _CHUNK):
            raise ValueError(f"too few examples say anything: {'; '.join(whole.lines())}")
    return whole


def _tallies(check: Property, first_seed: int, size: int, processes: int) -> Iterator[Tally]:
    """Yield the tallies of one chunk of seeds after the other, without end."""
    if processes == 1:
        while True:
            yield _tally(check, first_seed, size)
            first_seed += size
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        under_way: deque[Future[Tally]] = deque()
        try:
            while True:
                while len(under_way) < 2 * processes:
                    under_way.append(pool.submit(_tally, check, first_seed, size))
                    first_seed += size
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _tally(check: Property, first_seed: int, size: int) -> Tally:
    """Draw examples up to the first that breaks the property."""
    tally = Tally()
    for seed in range(first_seed, first_seed + size):
        draw = BySeed(seed)
        try:
            check(draw)
        except PassedOver as why:
            tally.passed_over[str(why)] += 1
        except Exception:  # noqa: BLE001 - whatever a property raises is a finding
            tally.broken_seed = seed
            break
        else:
            tally.held += 1
            for name, value in draw.notes:
                tally.notes.setdefault(name, Counter())[value] += 1
    return tally


def _told(check: Property, seed: int, whole: Tally) -> str:
    """Tell of a broken property so that it can be seen and drawn again."""
    found = BySeed(seed)
    failure_of(check, found)
    least = smallest(check, found.choices)
    shown = "\n".join(f"{name} = {pformat(value, width=100)}" for name, value in least.shown)
    failure = failure_of(check, least.again())
    return (
        f"seed {seed} breaks it, after {whole.held:,} examples for which it holds. The smallest"
        f" such example:\n{shown}\n"
        f"{''.join(traceback.format_exception(failure))}"
    )
