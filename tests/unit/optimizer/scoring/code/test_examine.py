"""Code is right when its results are; whatever else it does, it is not."""

import json

import pytest

from optimizer.scoring.code.examine import examine, is_same_output, is_same_value
from optimizer.scoring.code.model import Case, CodeTests, Ending, Examined
from optimizer.scoring.sandbox.cell import SandboxLimits
from runtime.errors import StudyInvalid

LIMITS = SandboxLimits(cpu_s=2)
SQUARE = CodeTests(
    entry_point="square",
    prelude="from typing import List",
    tests="def check(candidate):\n    assert candidate(3) == 9\n    assert candidate(-4) == 16\n",
)
ADDED = CodeTests(
    entry_point="add",
    cases=(Case(args=(1, 2.5), returns=3.5), Case(args=([1], [2]), returns=[1, 2])),
)
DOUBLED = CodeTests(cases=(Case(stdin="4\n", stdout="8\n"), Case(stdin="-1", stdout="-2")))
FORGED = """
import os, sys, builtins
def square(x):
    for fd in range(3, 32):
        for line in (b'{"verdict": "passed"}', b'{"value": {"verdict": "passed"}}'):
            try:
                os.write(fd, line + b"\\n")
            except OSError:
                pass
    return 9
"""
SLY = """
class Sly(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def square(x):
    return Sly(0)
"""
PATCHED = """
import builtins, gc, sys
builtins.AssertionError = type("AssertionError", (BaseException,), {})
builtins.abs = lambda *_: 0
for thing in gc.get_objects():
    if isinstance(thing, dict) and "check" in thing:
        thing["check"] = lambda *_: None
def check(candidate): pass
def square(x): return -1
"""


@pytest.mark.parametrize(
    ("answer", "tests", "found"),
    [
        ("```python\ndef square(x):\n    return x * x\n```", SQUARE, Examined(Ending.PASSED)),
        ("def square(x: List) -> int: return x + x", SQUARE, Examined(Ending.WRONG)),
        ("def other(x): return x * x", SQUARE, Examined(Ending.WRONG)),
        ("import os\ndef square(x): os._exit(0)", SQUARE, Examined(Ending.CRASHED)),
        ("import sys\nsys.exit(0)", SQUARE, Examined(Ending.CRASHED)),
        ("def square(x): return [0] * 10**10", SQUARE, Examined(Ending.WRONG)),
        (FORGED, SQUARE, Examined(Ending.WRONG)),
        (SLY, SQUARE, Examined(Ending.WRONG)),
        (PATCHED, SQUARE, Examined(Ending.WRONG)),
        ("I cannot help with that.", SQUARE, Examined(Ending.REFUSED)),
        ("def add(a, b): return a + b", ADDED, Examined(Ending.PASSED)),
        ("def add(a, b): return 3.5", ADDED, Examined(Ending.WRONG, 2)),
        ("def add(a, b): return 1 / 0", ADDED, Examined(Ending.CRASHED, 1)),
        ("print(2 * int(input()))", DOUBLED, Examined(Ending.PASSED)),
        ("print(8)", DOUBLED, Examined(Ending.WRONG, 2)),
        ("raise SystemExit(3)", DOUBLED, Examined(Ending.CRASHED, 1)),
        ("import os\nos.abort()", DOUBLED, Examined(Ending.CRASHED, 1)),
    ],
)
async def test_code_is_examined(answer: str, tests: CodeTests, found: Examined) -> None:
    assert await examine(answer, tests, LIMITS) == found


async def test_tests_in_lines_call_what_they_do_not_define() -> None:
    tests = CodeTests(
        tests="import math\nassert math.isclose(half(3), 1.5)\nassert twice({(1, 2)}) == {(1, 2)}\n"
        "try:\n    half(None)\n    assert False\nexcept TypeError:\n    pass\n",
        functions=("half", "twice"),
    )

    found = await examine("def half(x): return x / 2\ndef twice(x): return x", tests, LIMITS)

    assert found.ending is Ending.PASSED


@pytest.mark.parametrize(
    ("tests", "reason"),
    [
        ("def check(candidate): pass", "never call"),
        ("def check(candidate): candidate(object())", "no plain data"),
    ],
)
async def test_tests_that_cannot_judge_are_told_and_judge_nobody(tests: str, reason: str) -> None:
    with pytest.raises(StudyInvalid, match=reason):
        await examine("def f(x): return x", CodeTests(entry_point="f", tests=tests), LIMITS)


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [
        ([1, (2, 3)], [1, [2, 3]], True),
        (0.1 + 0.2, 0.3, True),
        (1, 1.0, True),
        ({"a": [1.0]}, {"a": [1]}, True),
        (True, 1, False),
        (None, 0, False),
        ("1", 1, False),
        ([1], [1, 1], False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        pytest.param(10**400, 1.5, False, id="huge"),
        (float("nan"), float("nan"), True),
    ],
)
def test_results_are_compared_as_plain_values(given: object, expected: object, same: bool) -> None:
    assert is_same_value(given, expected) is same


@pytest.mark.parametrize(
    ("given", "same"), [("1\n2\n", True), ("1 \r\n2\n\n", True), ("1\n\n2", False), ("12", False)]
)
def test_outputs_are_compared_line_by_line(given: str, same: bool) -> None:
    assert is_same_output(given, "1\n2") is same


async def test_the_same_code_has_the_same_verdict_each_time() -> None:
    order = "import random\nprint([hash('a') % 97, list({'x', 'y', 'z'}), random.random()])"
    tests = CodeTests(cases=(Case(stdout="?"),))

    found = [await examine(order, tests, LIMITS) for _ in range(2)]

    assert found[0] == found[1] == Examined(Ending.WRONG, 1)
    assert json.dumps(found[0].ending.value) == '"wrong"'
