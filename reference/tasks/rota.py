"""Tell when a shift, a visit or a service ends: times of day and durations, minutes carried.

The level is the number of operations that the working writes down. All within one day, in steps of
five minutes.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reference.tasks.draft import Draft
from reference.tasks.identifiers import draw_phone
from reference.tasks.people import draw_person
from reference.tasks.question import Marked, write

__all__ = ["PLANS", "SERVICE", "clock_text", "draw_rota"]

_PERSONAL_SHARE: Final = 0.65
_ASIDE_SHARE: Final = 0.35
_EARLIEST_MIN: Final = 6 * 60
_LATEST_START_MIN: Final = 12 * 60
_LATEST_MIN: Final = 22 * 60
_STEP_MIN: Final = 5

Kind = Literal["minutes", "hours", "earlier", "several"]
Value = str | int | Marked


@dataclass(frozen=True, slots=True)
class _Delay:
    """A sentence that moves the time: ``{a}`` minutes or hours, or ``{a}`` times ``{b}``."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Plan:
    """One way to tell a day: the opening states ``{start}``, ``tell`` repeats ``{end}``."""

    is_personal: bool
    openings: tuple[str, ...]
    delays: tuple[_Delay, ...]
    asks: tuple[str, ...]
    tell: str


_SHIFT: Final = _Plan(
    is_personal=True,
    openings=("The shift of {name} starts at {start}.", "Nurse {name} starts at {start}."),
    delays=(
        _Delay("The ward takes {a} minutes.", "minutes"),
        _Delay("Notes take {a} minutes more.", "minutes"),
        _Delay("The pharmacy takes {a} hours.", "hours"),
        _Delay("Then come {a} visits of {b} minutes each.", "several"),
        _Delay("The start is moved {a} minutes earlier.", "earlier"),
    ),
    asks=("When is {name} done?", "At what time does {name} go?"),
    tell="{name} is done at {end}.",
)

_VISIT: Final = _Plan(
    is_personal=True,
    openings=("{name} has a visit at {start}.", "Dr. {name} sees the first patient at {start}."),
    delays=(
        _Delay("The visit takes {a} minutes.", "minutes"),
        _Delay("There is a delay of {a} minutes.", "minutes"),
        _Delay("The drip runs for {a} hours.", "hours"),
        _Delay("Then come {a} tests of {b} minutes each.", "several"),
        _Delay("All is moved {a} minutes earlier.", "earlier"),
    ),
    asks=("When can {name} go?", "At what time is {name} done?"),
    tell="{name} can go at {end}.",
)

SERVICE: Final = _Plan(
    is_personal=False,
    openings=("The pump starts at {start}.", "The truck leaves at {start}."),
    delays=(
        _Delay("The first run takes {a} minutes.", "minutes"),
        _Delay("There is a delay of {a} minutes.", "minutes"),
        _Delay("It then runs for {a} hours.", "hours"),
        _Delay("Then come {a} stops of {b} minutes each.", "several"),
        _Delay("All is moved {a} minutes earlier.", "earlier"),
    ),
    asks=("When is it done?", "At what time does it stop?"),
    tell="It is done at {end}.",
)

PLANS: Final = (_SHIFT, _VISIT, SERVICE)


def draw_rota(rng: random.Random, level: int) -> Draft:
    """Draw a day whose working has exactly ``level`` operations."""
    is_personal = rng.random() < _PERSONAL_SHARE
    plan = rng.choice([plan for plan in PLANS if plan.is_personal == is_personal])
    told: tuple[list[tuple[str, dict[str, Value]]], list[str], int, int] | None = None
    while told is None:
        told = _draw_delays(rng, plan.delays, level)
    sentences, lines, start_min, end_min = told
    values: dict[str, Value] = {
        "name": Marked(draw_person(rng).name, "person"),
        "phone": draw_phone(rng),
        "start": clock_text(start_min),
        "end": clock_text(end_min),
    }
    opened = [(rng.choice(plan.openings), values), *sentences]
    if plan.is_personal and rng.random() < _ASIDE_SHARE:
        opened.insert(rng.randint(1, len(opened)), ("Phone: {phone}.", values))
    opened.append((rng.choice(plan.asks), values))
    statement, _ = write(plan.tell, values)
    return Draft(
        parts=tuple(write(text, fields) for text, fields in opened),
        solution=f"{' '.join(lines)} {statement}",
        answer=clock_text(end_min),
    )


def clock_text(minutes: int) -> str:
    """Write minutes since midnight as a time of day, such as ``9:05``."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def _draw_delays(
    rng: random.Random, delays: Sequence[_Delay], level: int
) -> tuple[list[tuple[str, dict[str, Value]]], list[str], int, int] | None:
    """Draw sentences, their working, the first and the last time; None where it leads nowhere."""
    start_min = rng.randrange(_EARLIEST_MIN, _LATEST_START_MIN, _STEP_MIN)
    now_min = start_min
    sentences: list[tuple[str, dict[str, Value]]] = []
    lines: list[str] = []
    left = list(delays)
    while len(lines) < level:
        room = level - len(lines)
        fitting = [delay for delay in left if delay.kind != "several" or room > 1]
        if not fitting:
            return None
        delay = rng.choice(fitting)
        left.remove(delay)
        first, second = _numbers(rng, delay.kind)
        sentences.append((delay.text, {"a": first, "b": second}))
        written, now_min = _apply(delay.kind, first, second, now_min)
        lines += written
        if not _EARLIEST_MIN <= now_min <= _LATEST_MIN:
            return None
    return sentences, lines, start_min, now_min


def _numbers(rng: random.Random, kind: Kind) -> tuple[int, int]:
    match kind:
        case "hours":
            return rng.randint(2, 5), 0
        case "several":
            return rng.randint(2, 5), rng.randrange(5, 25, _STEP_MIN)
        case _:
            return rng.randrange(10, 60, _STEP_MIN), 0


def _apply(kind: Kind, first: int, second: int, now_min: int) -> tuple[list[str], int]:
    """Write a change of the time down and return the time after it."""
    now = clock_text(now_min)
    match kind:
        case "hours":
            after_min = now_min + 60 * first
            return [f"{now} + {first} h = {clock_text(after_min)}."], after_min
        case "minutes":
            after_min = now_min + first
            return [f"{now} + {first} min = {clock_text(after_min)}."], after_min
        case "earlier":
            after_min = now_min - first
            return [f"{now} - {first} min = {clock_text(after_min)}."], after_min
        case "several":
            total_min = first * second
            after_min = now_min + total_min
            lines = [
                f"{first} * {second} = {total_min}.",
                f"{now} + {total_min} min = {clock_text(after_min)}.",
            ]
            return lines, after_min
