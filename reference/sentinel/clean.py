"""Texts without anything sensitive: composed requests, questions of tests, Python's own library.

Ordinary requests and technical prose are most of what a fleet is asked; marking their words costs
its users more than a missed name costs anybody. Docstrings and source lines of the standard library
are such prose and code in plenty; lines that may name somebody are left out.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from functools import cache
from pathlib import Path
from typing import Final

from reference.sentinel import words
from reference.sentinel.borrowed import borrowed
from reference.sentinel.exams import exam

__all__ = ["clean"]

_NOT_CLEAN: Final = re.compile(
    r"@|copyright|author|written by|contribut|license|thanks|courtesy|\bby [A-Z]|https?:|www\.|"
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{6}|guido|rossum|knuth|peters|monty|python\.org|"
    r"\b(19|20)\d\d\b|passw|secret|token|localhost|\.com|\.org",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][a-z]+ [A-Z][a-z]+\b")
"""Two capitalised words inside a sentence: perhaps somebody's name."""
_LONGEST: Final = 420
_FOLDERS: Final = (
    "",
    "asyncio",
    "email",
    "concurrent/futures",
    "http",
    "json",
    "logging",
    "xml/dom",
)
_ASKS: Final = (
    *("How do I {do} {thing} in {tool}?", "Write a {kind} that {does} {thing}.", "what is {thing}"),
    *(
        "Explain {thing} to a child.",
        "Why does {tool} {do} {thing} so slowly?",
        "{tool} vs {tool}?",
    ),
    *("Give me {n} examples of {thing}.", "Compare {thing} with {thing}.", "Summarise {thing}."),
    *("Can {tool} {do} {thing} without {tool}?", "I want to {do} {thing}, but {tool} says no."),
    *("Is it better to {do} {thing} or to {do} {thing}?", "Fix this: {tool} cannot {do} {thing}"),
    *("The {kind} {does} {thing} every {n} minutes.", "Please {do} {thing} and {do} {thing}."),
    *("{Tool} {n}.{n} can {do} {thing}; older versions cannot.", "Best way to {do} {thing}?"),
    *("My {kind} for {thing} fails at step {n}.", "Should {thing} go before {thing}?"),
    *("List the pros and cons of {thing}.", "Turn {thing} into a table with {n} columns."),
    *("A {kind} about {thing} in {n} lines, please.", "Nobody told me that {tool} {does} {thing}."),
    *("Translate 'please {do} {thing}' into another language.", "Step {n}: {do} {thing}."),
    *("# {thing}\n\nUse {tool} to {do} {thing}. Then {do} {thing}.", "{Tool}: {do} {thing}"),
    *("TODO: {do} {thing} once {tool} is ready", "Error {n}0{n}: {thing} could not be found"),
    *("- {do} {thing}\n- {do} {thing}\n- {do} {thing}", "What would happen if we {do} {thing}?"),
)
_DO: Final = (
    *(
        "sort",
        "merge",
        "parse",
        "cook",
        "measure",
        "plot",
        "train",
        "test",
        "deploy",
        "clean",
        "cut",
    ),
    *("translate", "count", "repair", "paint", "compress", "encrypt", "cache", "index", "review"),
    *("explain", "split", "render", "stream", "validate", "schedule", "build", "replace", "print"),
)
_THINGS: Final = (
    *("a list of numbers", "the green button", "an old bicycle", "the weekly report", "a hash map"),
    *("two tables", "a large file", "the kitchen sink", "a neural network", "supply and demand"),
    *(
        "the water cycle",
        "a unit test",
        "the garden fence",
        "three eggs",
        "a binary tree",
        "the menu",
    ),
    *("photosynthesis", "a pull request", "rate limiting", "the heat pump", "log files", "a poem"),
    *(
        "monthly sales",
        "the user interface",
        "a Gantt chart",
        "quantum entanglement",
        "compound interest",
    ),
    *(
        "a regular expression",
        "the battery",
        "a marketing plan",
        "Bayesian inference",
        "carbon dioxide",
    ),
    *(
        "an electric motor",
        "the home page",
        "a vegetable soup",
        "the Fourier transform",
        "a stack trace",
    ),
    *(
        "the Pythagorean theorem",
        "a short story",
        "the front door",
        "a Docker image",
        "pasta dough",
    ),
    *(
        "Newton's second law",
        "the Turing test",
        "a Markov chain",
        "Gaussian noise",
        "the JSON schema",
    ),
    *("a hotel lobby", "a street lamp", "customer satisfaction", "an address book", "a phone call"),
    *(
        "the bank holiday",
        "a passport photo",
        "the patient's chart",
        "a doctor's visit",
        "the account",
    ),
    *(
        "an email filter",
        "a credit card reader",
        "the driver update",
        "name resolution",
        "date fields",
    ),
)
_TOOLS: Final = (
    *("Python", "Excel", "Kubernetes", "PostgreSQL", "Rust", "LaTeX", "Docker", "PyTorch", "Linux"),
    *(
        "Java",
        "Redis",
        "Kafka",
        "Terraform",
        "Git",
        "Bash",
        "React",
        "Photoshop",
        "Word",
        "Windows",
    ),
    *(
        "Jenkins",
        "Ansible",
        "Grafana",
        "Spark",
        "Swift",
        "Ruby",
        "Julia",
        "Jupyter",
        "Pandas",
        "Django",
    ),
    *(
        "Flask",
        "Maven",
        "Gradle",
        "Apache",
        "Nginx",
        "Blender",
        "Matlab",
        "Chrome",
        "Bluetooth",
        "USB",
    ),
)
_KINDS: Final = ("script", "poem", "job", "query", "service", "report", "lesson", "shop", "class")
_CODE_SHARE: Final = 0.3
_LIBRARY_SHARE: Final = 0.35
_RANDOM_SHARE: Final = 0.12
_EXAM_SHARE: Final = 0.25
_SAID_SHARE: Final = 0.2
"""Of plain sentences, where they were borrowed."""


def clean(dice: random.Random) -> str:
    """Return a text, of a few words up to some lines, that holds nothing to mark."""
    if borrowed("sentences") and dice.random() < _SAID_SHARE:
        return _said(dice)
    form = dice.random()
    if form < _LIBRARY_SHARE:
        return dice.choice(_library())
    if form < _LIBRARY_SHARE + _RANDOM_SHARE:
        return _random(dice)
    if form < _LIBRARY_SHARE + _RANDOM_SHARE + _EXAM_SHARE:
        return exam(dice)
    return " ".join(_composed(dice) for _ in range(dice.choice((1, 1, 1, 2, 3))))


def _said(dice: random.Random) -> str:
    """One or two sentences; some of their words in capitals, as in headings, forms and haste."""
    text = " ".join(dice.choice(borrowed("sentences")) for _ in range(dice.choice((1, 1, 2))))
    capitals = dice.choice((0.0, 0.0, 0.1, 0.3, 1.0))
    if capitals:
        words_of = text.split(" ")
        text = " ".join(at.capitalize() if dice.random() < capitals else at for at in words_of)
    return text[0].upper() + text[1:] + dice.choice((".", ".", "", "!", "?"))


def _random(dice: random.Random) -> str:
    """Words in no order, some of them with capitals: neither makes a name."""
    known = _vocabulary()
    chosen = [dice.choice(known) for _ in range(dice.randint(3, 14))]
    capitals = dice.choice((0.0, 0.0, 0.15, 0.5, 1.0))
    chosen = [word.capitalize() if dice.random() < capitals else word for word in chosen]
    text = " ".join(chosen)
    return text[0].upper() + text[1:] + dice.choice((".", "!", "?", "", ":"))


@cache
def _vocabulary() -> tuple[str, ...]:
    """The words of the library's prose, each as rarely as any other."""
    texts = (*_library(), *borrowed("things"))
    found = {word for text in texts for word in re.findall(r"\b[a-z]{2,14}\b", text)}
    return tuple(sorted(found))


def _composed(dice: random.Random) -> str:
    text = dice.choice(_ASKS)
    while (at := text.find("{")) >= 0:
        slot = text[at + 1 : text.index("}", at)]
        verb = dice.choice(_DO)
        value = {
            "do": verb,
            "does": verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s"),
            "thing": dice.choice(_THINGS),
            "tool": dice.choice(_TOOLS),
            "Tool": dice.choice(_TOOLS + words.PROJECTS),
            "kind": dice.choice(_KINDS),
            "n": str(dice.randint(1, 9)),
        }[slot]
        text = text.replace("{" + slot + "}", value, 1)
    return text


@cache
def _library() -> tuple[str, ...]:
    """Paragraphs of docstrings, and runs of source lines, of the standard library."""
    prose: list[str] = []
    code: list[str] = []
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(path for folder in _FOLDERS for path in (root / folder).glob("*.py")):
        source = path.read_text(encoding="utf-8", errors="ignore")
        prose += _paragraphs(source)
        lines = source.splitlines()
        code += ["\n".join(lines[at : at + 4]) for at in range(60, len(lines) - 4, 23)]
    prose = sorted({text for text in prose if _is_clean(text)})
    code = sorted({text for text in code if _is_clean(text)})
    share = int(len(prose) * _CODE_SHARE / (1 - _CODE_SHARE))
    return (*prose, *code[:: max(1, len(code) // max(1, share))])


def _paragraphs(source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, documented)]
    return [part for text in texts if text for part in text.split("\n\n")]


def _is_clean(text: str) -> bool:
    if not 20 <= len(text) <= _LONGEST or not text.isascii():
        return False
    return not _NOT_CLEAN.search(text) and not _NAMED.search(text)
