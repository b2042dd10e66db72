"""Try an answer's code on its tests; the verdict is given here, outside the sandbox.

Code under test runs alone in a process that holds nothing but the code: expected results stay with
this process, tests run in a second sandbox. What the code can write is what its functions return
and what it prints; both are compared as plain data.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, Final

from optimizer.scoring.code.extract import code_of, is_python
from optimizer.scoring.code.model import Case, CodeTests, Ending, Examined
from optimizer.scoring.sandbox.cell import Cell, CellEnded, SandboxLimits, open_cell
from optimizer.scoring.sandbox.wire import CannotCross, decode_json, encode
from runtime.errors import StudyInvalid

__all__ = ["check_sandbox", "examine", "is_same_output", "is_same_value"]

_RELATIVE: Final = 1e-6
_ABSOLUTE: Final = 1e-9


async def examine(answer: str, tests: CodeTests, limits: SandboxLimits) -> Examined:
    """Return how an answer's code did on every case and on the tests.

    Raises:
        StudyInvalid: This machine does not let code be confined, or the tests cannot be used.
    """
    code = code_of(answer, entry_point=tests.entry_point)
    if code is None or not is_python(code):
        return Examined(Ending.REFUSED)
    whole = f"{tests.prelude}\n{code}"
    for number, case in enumerate(tests.cases, start=1):
        if case.stdout is not None:
            ending = await _bounded(_run_program(whole, case, limits), limits)
            if ending is not Ending.PASSED:
                return Examined(ending, number)
    calls = [(n, case) for n, case in enumerate(tests.cases, start=1) if case.stdout is None]
    if calls:
        found = await _run_calls(whole, tests.entry_point, calls, limits)
        if found.ending is not Ending.PASSED:
            return found
    if tests.tests:
        return Examined(await _bounded(_run_tests(whole, tests, limits), limits))
    return Examined(Ending.PASSED)


async def check_sandbox(limits: SandboxLimits) -> None:
    """Confine a process that does nothing.

    Raises:
        StudyInvalid: This machine does not allow it.
    """
    async with open_cell("program", {"code": ""}, limits) as cell:
        await cell.exit_code()


def is_same_output(given: str, expected: str) -> bool:
    """Compare printed texts line by line; white space at their ends does not count."""
    return _lines(given) == _lines(expected)


def is_same_value(given: Any, expected: Any) -> bool:
    """Compare plain values: lists and tuples alike, truth values only with truth values.

    Floats may differ by 1e-6 of the larger one.
    """
    if isinstance(given, bool) or isinstance(expected, bool):
        return given is expected
    if isinstance(given, list | tuple) and isinstance(expected, list | tuple):
        return len(given) == len(expected) and all(map(is_same_value, given, expected))
    if isinstance(given, dict) and isinstance(expected, dict):
        return given.keys() == expected.keys() and all(
            is_same_value(given[key], expected[key]) for key in expected
        )
    if isinstance(given, float) or isinstance(expected, float):
        return _is_same_number(given, expected)
    return bool(given == expected)


async def _bounded(work: Coroutine[Any, Any, Ending], limits: SandboxLimits) -> Ending:
    try:
        async with asyncio.timeout(limits.wall_s):
            return await work
    except TimeoutError:
        return Ending.TIMED_OUT
    except CellEnded as ended:
        return Ending.TIMED_OUT if ended.is_killed else Ending.CRASHED


async def _run_program(code: str, case: Case, limits: SandboxLimits) -> Ending:
    async with open_cell("program", {"code": code}, limits) as cell:
        reading = asyncio.create_task(cell.read_all(limits.output_bytes))
        try:
            await _feed(cell, case.stdin.encode())
            output = await reading
        finally:
            reading.cancel()
        if len(output) > limits.output_bytes:
            return Ending.WRONG
        if await cell.exit_code() != 0:
            raise await cell.ended()
    is_same = is_same_output(output.decode("utf-8", "replace"), case.stdout or "")
    return Ending.PASSED if is_same else Ending.WRONG


async def _feed(cell: Cell, data: bytes) -> None:
    """Write all of the input; a program need not read it."""
    try:
        await cell.write(data)
    except CellEnded:
        return
    await cell.close_input()


async def _run_calls(
    code: str, entry_point: str, cases: list[tuple[int, Case]], limits: SandboxLimits
) -> Examined:
    """Call the entry point once per case, in one process; stop at the first that is not right."""
    place = cases[0][0]

    async def work() -> Ending:
        nonlocal place
        async with open_cell("module", {"code": code}, limits) as cell:
            if "raised" in await cell.receive():
                return Ending.CRASHED
            for number, case in cases:
                place = number
                args = [encode(one) for one in case.args]
                await cell.send({"name": entry_point, "args": args, "kwargs": {}})
                ending = _compared(await cell.receive(), case.returns)
                if ending is not Ending.PASSED:
                    return ending
        return Ending.PASSED

    ending = await _bounded(work(), limits)
    return Examined(ending, None if ending is Ending.PASSED else place)


def _compared(reply: dict[str, Any], expected: object) -> Ending:
    if "value" not in reply:
        return Ending.CRASHED
    try:
        return (
            Ending.PASSED if is_same_value(decode_json(reply["value"]), expected) else Ending.WRONG
        )
    except (CannotCross, RecursionError, ValueError, TypeError):
        return Ending.WRONG


async def _run_tests(code: str, tests: CodeTests, limits: SandboxLimits) -> Ending:
    """Run the tests in a sandbox of their own and carry their calls to the code's sandbox."""
    job = {"tests": tests.tests, "entry_point": tests.entry_point, "functions": tests.functions}
    async with (
        open_cell("module", {"code": code}, limits) as module,
        open_cell("tests", job, limits) as tester,
    ):
        if "raised" in await module.receive():
            return Ending.CRASHED
        while True:
            message = await tester.receive()
            if "verdict" in message:
                return _verdict(message["verdict"])
            await module.send(message)
            reply = await module.receive()
            # Nothing but these two goes on, whatever the code under test put into its reply.
            await tester.send({key: reply[key] for key in ("value", "raised") if key in reply})


def _verdict(word: object) -> Ending:
    match word:
        case "passed":
            return Ending.PASSED
        case "failed":
            return Ending.WRONG
        case "idle":
            raise StudyInvalid("never call the answer's code", field="code.tests")
        case _:
            reason = "pass something to the answer's code that is no plain data"
            raise StudyInvalid(reason, field="code.tests")


def _is_same_number(given: object, expected: object) -> bool:
    numbers = (int, float)
    if not isinstance(given, numbers) or not isinstance(expected, numbers):
        return False
    try:
        if math.isnan(given) or math.isnan(expected):
            return math.isnan(given) and math.isnan(expected)
        return math.isclose(given, expected, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    except OverflowError:
        return False


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines
