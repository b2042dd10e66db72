"""Wrong answers that look like a small model's: one slip in the working, carried to the end.

Knows the form in which `reference.tasks` writes solutions; asks no model.
"""

import random
import re
from typing import Final

from reference.tasks import Question, clock_text, is_right

__all__ = ["corrupt"]

_OPERATION: Final = re.compile(r"(\d+(?::\d\d)?) ([*+-]) (\d+)( min| h)? = (\d+(?::\d\d)?)\.")
_LAST_VALUE: Final = re.compile(r"\d+(?::\d\d)?(?=\D*$)")
_CUT_SHARE: Final = 0.04
_WRONG_SIGN_SHARE: Final = 0.2
_MINUTES_OF_DAY: Final = 24 * 60


def corrupt(question: Question, rng: random.Random) -> str:
    """Write a wrong solution of ``question``: a slip, a wrong detail, or a text cut short."""
    while True:
        wrong = _draw(question, rng)
        if not is_right(wrong, question.answer):  # two slips may cancel out
            return wrong


def _draw(question: Question, rng: random.Random) -> str:
    if rng.random() < _CUT_SHARE:
        return question.solution[: rng.randint(5, len(question.solution) - 9)]
    if question.distractors:
        return _with_answer(question, rng.choice(question.distractors))
    if not _OPERATION.search(question.solution):
        return _with_answer(question, "unknown")
    return _slip(question, rng)


def _with_answer(question: Question, wrong: str) -> str:
    statement = question.solution.rpartition("\n")[0]
    head, _, tail = statement.rpartition(question.answer)
    return f"{head}{wrong}{tail}\nAnswer: {wrong}"


def _slip(question: Question, rng: random.Random) -> str:
    """Redo the working with one operation done wrongly."""
    body = question.solution.rpartition("\n")[0]
    found = list(_OPERATION.finditer(body))
    statement = body[found[-1].end() :].strip()
    place = rng.randrange(len(found))
    renamed: dict[str, str] = {}
    lines: list[str] = []
    result = ""
    for index, match in enumerate(found):
        left, sign, right, unit, old = match.groups(default="")
        left = renamed.pop(left, left) if index else left
        right = renamed.pop(right, right)
        if index == place and rng.random() < _WRONG_SIGN_SHARE:
            sign = rng.choice([other for other in _signs(left) if other != sign])
        result = _compute(left, sign, right, unit)
        if index == place and result == old:
            result = _misread(result, rng)
        if result != old:
            renamed[old] = result
        lines.append(f"{left} {sign} {right}{unit} = {result}.")
    statement = _LAST_VALUE.sub(result, statement, count=1)
    return f"{' '.join(lines)} {statement}\nAnswer: {result}"


def _signs(left: str) -> str:
    return "+-" if ":" in left else "*+-"


def _compute(left: str, sign: str, right: str, unit: str) -> str:
    if ":" in left:
        minutes = int(right) * (60 if unit == " h" else 1)
        after = _minutes(left) + (minutes if sign == "+" else -minutes)
        return clock_text(after % _MINUTES_OF_DAY)
    match sign:
        case "*":
            return str(int(left) * int(right))
        case "+":
            return str(int(left) + int(right))
        case _:
            return str(abs(int(left) - int(right)))


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return 60 * int(hours) + int(minutes)


def _misread(number: str, rng: random.Random) -> str:
    """Change a value as an arithmetic slip would: one off, ten off, or one digit wrong."""
    if ":" in number:
        off = rng.choice((5, -5, 10, -10, 60, -60, 40, -40))
        return clock_text((_minutes(number) + off) % _MINUTES_OF_DAY)
    value = int(number)
    wrong = rng.choice((value + 1, value - 1, value + 10, value - 10, value + 2))
    if wrong > 0 and rng.random() < 0.6:
        return str(wrong)
    place = rng.randrange(len(number))
    digit = rng.choice([other for other in "123456789" if other != number[place]])
    return f"{number[:place]}{digit}{number[place + 1 :]}"
