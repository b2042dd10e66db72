"""Make a failing example small: fewer choices, and lower ones, as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runtime.testing.drawing import ByChoices, Draw, PassedOver

__all__ = ["failure_of", "smallest"]

_MOST_TRIES = 4_000


def failure_of(check: Callable[[Draw], None], draw: Draw) -> Exception | None:
    """Return how an example fails, or nothing where it holds or is passed over."""
    try:
        check(draw)
    except PassedOver:
        return None
    except Exception as failure:  # noqa: BLE001 - whatever a property raises is a finding
        return failure
    return None


def smallest(check: Callable[[Draw], None], choices: list[int]) -> ByChoices:
    """Return the smallest example found that fails as the one of ``choices`` does.

    Args:
        check: Fails for ``choices``, each time in the same way.
        choices: What the failing example chose.

    Returns:
        The choices, already made: with what was shown and noted on the way.
    """
    best = ByChoices(choices)
    wanted = type(failure_of(check, best))
    tries = 0
    is_better = True
    while is_better and tries < _MOST_TRIES:
        is_better = False
        for shorter in _simpler(best.choices):
            tries += 1
            draw = ByChoices(shorter)
            if type(failure_of(check, draw)) is wanted and _size(draw) < _size(best):
                best, is_better = draw, True
                break
            if tries == _MOST_TRIES:
                break
    return best


def _size(draw: ByChoices) -> tuple[int, int, list[int]]:
    return len(draw.choices), sum(draw.choices), draw.choices


def _simpler(choices: list[int]) -> Iterator[list[int]]:
    """Yield lists that are simpler than one, those that lose most first."""
    yield from _shorter(choices)
    yield from _lower(choices)
    yield from _without_one_of_a_counted_list(choices)


def _shorter(choices: list[int]) -> Iterator[list[int]]:
    for length in (16, 8, 4, 2, 1):
        for start in range(max(len(choices) - length + 1, 0)):
            yield choices[:start] + choices[start + length :]


def _lower(choices: list[int]) -> Iterator[list[int]]:
    for length in (16, 4, 1):
        for start in range(0, len(choices), length):
            stretch = choices[start : start + length]
            if any(stretch):
                yield choices[:start] + [0] * len(stretch) + choices[start + length :]
    for position, choice in enumerate(choices):
        for lower in sorted({choice // 2, choice - 1} - {0, choice}):
            if lower > 0:
                yield [*choices[:position], lower, *choices[position + 1 :]]


def _without_one_of_a_counted_list(choices: list[int]) -> Iterator[list[int]]:
    """Yield lists with one choice lowered, a length perhaps, and a later one left out."""
    for position, choice in enumerate(choices):
        for dropped in range(position + 1, len(choices) if choice else 0):
            lowered = [*choices[:position], choice - 1, *choices[position + 1 : dropped]]
            yield lowered + choices[dropped + 1 :]
