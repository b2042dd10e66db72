"""Wrong answers that look like a small model's: one slip in the working, carried to the end.

Knows the form in which `reference.tasks` writes solutions; asks no model.
"""

import random
import re
from typing import Final

from reference.tasks import Question, is_right

__all__ = ["corrupt"]

_OPERATION: Final = re.compile(r"(\d+) ([*+-]) (\d+) = (\d+)\.")
_LAST_NUMBER: Final = re.compile(r"\d+(?=\D*$)")
_CUT_SHARE: Final = 0.04
_WRONG_SIGN_SHARE: Final = 0.2


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
    operations = [match.groups() for match in _OPERATION.finditer(body)]
    statement = body[[match.end() for match in _OPERATION.finditer(body)][-1] :].strip()
    place = rng.randrange(len(operations))
    renamed: dict[str, str] = {}
    lines: list[str] = []
    result = ""
    for index, (left, sign, right, old) in enumerate(operations):
        new_left = renamed.pop(left, left) if index else left
        new_right = renamed.pop(right, right)
        if index == place and rng.random() < _WRONG_SIGN_SHARE:
            sign = rng.choice([other for other in "*+-" if other != sign])
        result = str(_compute(int(new_left), sign, int(new_right)))
        if index == place and result == old:
            result = _misread(result, rng)
        if result != old:
            renamed[old] = result
        lines.append(f"{new_left} {sign} {new_right} = {result}.")
    statement = _LAST_NUMBER.sub(result, statement, count=1)
    return f"{' '.join(lines)} {statement}\nAnswer: {result}"


def _compute(left: int, sign: str, right: int) -> int:
    match sign:
        case "*":
            return left * right
        case "+":
            return left + right
        case _:
            return abs(left - right)


def _misread(number: str, rng: random.Random) -> str:
    """Change a number as an arithmetic slip would: one off, ten off, or one digit wrong."""
    value = int(number)
    wrong = rng.choice((value + 1, value - 1, value + 10, value - 10, value + 2))
    if wrong > 0 and rng.random() < 0.6:
        return str(wrong)
    place = rng.randrange(len(number))
    digit = rng.choice([other for other in "123456789" if other != number[place]])
    return f"{number[:place]}{digit}{number[place + 1 :]}"
