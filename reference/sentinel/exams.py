"""Questions of tests, with choices: terms, numbers and formulas, and nobody in them.

To a reader of contexts a row of short answers looks like a form, a formula like an account, and
half of biology like a diagnosis.
"""

from __future__ import annotations

import random
import string
from typing import Final

from reference.sentinel.borrowed import borrowed
from reference.sentinel.lists import listed

__all__ = ["exam"]

_BORROWED: Final = 0.5
"""Share of terms from a list far longer than ours, where there is one."""
_ASKED: Final = (
    *("Which of the following is true of the {t}?", "What is the main role of the {t}?"),
    *("The {t} is best described as", "An increase in {t} leads to", "{T} is measured in"),
    *("Which of these is an example of {t}?", "What distinguishes {t} from {t}?"),
    *("In the presence of {t}, the {t} will", "The {t} is connected to the {t} by the"),
    *("All of the following are linked to {t} EXCEPT", "Where does {t} take place?"),
    *("Statement 1 | {T} depends on {t}. Statement 2 | {T} is a form of {t}.",),
    *("A student measures the {t} of a sample and finds {v}. What is its {t}?",),
    *("Suppose that the {t} falls from {v} to {v}. Which effect on {t} is expected?",),
    *("If the {t} is {v} and the {t} is {v}, then the {t} is", "Find x if {f}."),
    *("Which sequence is right for {t}?", "The opposite of {t} is called", "Define {t}."),
    *("A damage to the {t} is most likely to affect", "The term {t} refers to"),
    *("Company X has a {t} of {v}. What is the {t} of Company Y?", "Compute {f}."),
    *("Argue for or against: {t} is more important than {t}.", "Explain {t} and {t}."),
    *("For which value of n does {f} hold?", "How does {t} differ between plants and animals?"),
    *("The reaction {f} is an example of", "Why is {t} called the {t} of the cell?"),
)
_FORMULAS: Final = (
    *(
        "{a}x + {b} = {c}",
        "{a}CO2 + {b}H2O",
        "f(x) = {a}x^2 - {b}",
        "NaCl -> Na+ + Cl-",
        "NADH + H+",
    ),
    *("{a}ATP and {b}NADH", "P(A and B) = 0.{a}", "({a}, {b}, {c})", "{a}/{c}", "{a} / {c}"),
    *("y' = {a}y", "Z{a} x Z{c}", "x^{a} + {b}x", "Fe2O3", "C{a}H{c}O{b}", "{a} x 10^-{c}"),
    *("p -> (q v r)", "~A & B", "O({a}n log n)", "sin({a}x)", "log_{a}({c})", "[{a}, {b}]"),
)
_MARKS: Final = ("{c}. ", "{c}) ", "({c}) ", "({C}) ", "{C}. ", "{C}: ", "{n}. ")
_UNITS: Final = ("", "", "%", " m/s", " kg", " mL", " J", " mol", " V", " ohms", " years", " units")
_PAIRED: Final = (
    *("I only", "II only", "I and II only", "Both of them", "Neither"),
    *("True, True", "False, False", "True, False", "False, True", "Wrong, Not wrong"),
    *("all of the above", "none of these", "it cannot be told", "increases", "stays the same"),
)


def exam(dice: random.Random) -> str:
    """Return a question, mostly with its choices."""
    text = _filled(dice, dice.choice(_ASKED))
    if dice.random() < 0.25:
        return text
    of = dice.choice((_term, _term, _value, _formula, _pair, _said))
    mark = dice.choice(_MARKS)
    between = dice.choice(("\n", "\n", "\n", " "))
    letters = enumerate(string.ascii_lowercase[: dice.choice((3, 4, 4, 4, 5))])
    choices = [
        mark.format(c=letter, C=letter.upper(), n=at + 1) + of(dice) for at, letter in letters
    ]
    end = dice.choice(("", "", "\nAnswer:", "\nAnswer: B", "\nExplain your choice."))
    return between.join([text, *choices]) + end


def _filled(dice: random.Random, text: str) -> str:
    while (at := text.find("{")) >= 0:
        slot = text[at + 1]
        made = {"t": _term, "T": _capital, "v": _value, "f": _formula}[slot](dice)
        text = text[:at] + made + text[at + 3 :]
    return text


def _notion(dice: random.Random) -> str:
    known = borrowed("things") if dice.random() < _BORROWED else ()
    return dice.choice(known or listed("notions"))


def _term(dice: random.Random) -> str:
    term = _notion(dice)
    form = dice.random()
    if form < 0.25:
        return term.capitalize()
    return term.title() if form < 0.35 else term


def _capital(dice: random.Random) -> str:
    return _notion(dice).capitalize()


def _value(dice: random.Random) -> str:
    number = dice.choice(
        (dice.randint(0, 9), dice.randint(10, 9_000), round(dice.random() * 90, 2))
    )
    return f"{dice.choice(('', '', '-', '$'))}{number}{dice.choice(_UNITS)}"


def _formula(dice: random.Random) -> str:
    a, b, c = (dice.randint(1, 40) for _ in range(3))
    return dice.choice(_FORMULAS).format(a=a, b=b, c=c)


def _pair(dice: random.Random) -> str:
    return dice.choice(_PAIRED)


def _said(dice: random.Random) -> str:
    verb = dice.choice(("reduces", "increases", "has no effect on", "comes before", "contains"))
    return f"the {_notion(dice)} {verb} the {_notion(dice)}"
