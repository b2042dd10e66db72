"""What runs in the sandbox: a program, a module whose functions are called, or their tests.

Code under test and its tests never share a process. Tests see functions as stand-ins that pass
plain values on; the code under test sees arguments, never a test or an expected result.
Standard library only.
"""

from __future__ import annotations

import builtins
import decimal  # noqa: F401 - needs libraries that the sandbox does not have; loaded before it
import os
import random
import sys
import traceback  # noqa: F401 - as above: first use is in the middle of foreign code
import zlib  # noqa: F401 - as above
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from optimizer.scoring.sandbox.confine import Limits, confined_child, die_with_parent
from optimizer.scoring.sandbox.wire import (
    LONGEST_LINE,
    CannotCross,
    decode,
    encode,
    read_line,
    to_line,
)

__all__ = ["main"]

_HEADER: Final = 8
_SEED: Final = 0


class _Lines:
    """Messages over two descriptors that foreign code is not handed as standard streams."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._rest = b""

    def receive(self) -> dict[str, Any]:
        """Wait for a message; the end of the stream ends the process."""
        while b"\n" not in self._rest:
            chunk = os.read(self._source, 65_536)
            if not chunk or len(self._rest) > LONGEST_LINE:
                raise SystemExit(0)
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        return read_line(line)

    def send(self, message: Mapping[str, object]) -> None:
        """Write a message whole."""
        line = to_line(message)
        while line:
            line = line[os.write(self._target, line) :]


def main() -> None:
    """Read one job from standard input, be confined, and do it."""
    die_with_parent(int(sys.argv[2]))
    length = int(_exactly(_HEADER), 16)
    job = read_line(_exactly(length))
    sys.path[:] = [path for path in sys.path if path.startswith(os.path.dirname(os.__file__))]
    limits = Limits(cpu_s=int(job["cpu_s"]), memory_bytes=int(job["memory_bytes"]))
    play = _ROLES[job["role"]]
    try:
        status = confined_child(limits, lambda: play(job))
    except OSError as failure:
        os.write(1, to_line({"refused": failure.strerror or type(failure).__name__}))
        sys.exit(1)
    sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _program(job: Mapping[str, Any]) -> None:
    """Run code as a program on what is left of standard input."""
    os.write(1, b"{}\n")
    os.dup2(os.open("/", os.O_RDONLY), 2)  # nobody reads it, and writing to it fails
    random.seed(_SEED)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    try:
        exec(compile(job["code"], "<answer>", "exec"), {"__name__": "__main__"})  # noqa: S102
    finally:
        sys.stdout.flush()


def _module(job: Mapping[str, Any]) -> None:
    """Load code, then call its functions as asked."""
    lines = _quiet_lines()
    lines.send({})
    random.seed(_SEED)
    names: dict[str, Any] = {"__name__": "answer"}
    try:
        exec(compile(job["code"], "<answer>", "exec"), names)  # noqa: S102
    except BaseException as failure:  # noqa: BLE001 - foreign code may raise anything
        lines.send({"raised": _kind(failure)})
        return
    lines.send({"loaded": True})
    while True:
        call = lines.receive()
        lines.send(_called(names, call))


def _called(names: Mapping[str, Any], call: Mapping[str, Any]) -> Mapping[str, object]:
    try:
        arguments = [decode(one) for one in call["args"]]
        options = {key: decode(value) for key, value in call["kwargs"].items()}
        value = names[call["name"]](*arguments, **options)
        answer = {"value": encode(value)}
        to_line(answer)
    except CannotCross:
        return {"raised": "TypeError"}
    except BaseException as failure:  # noqa: BLE001 - foreign code may raise anything
        return {"raised": _kind(failure)}
    return answer


def _tests(job: Mapping[str, Any]) -> None:
    """Run tests whose functions live in another process; say how they ended."""
    lines = _quiet_lines()
    lines.send({})
    random.seed(_SEED)
    asked = _Asked(lines)
    names: dict[str, Any] = {"__name__": "tests"}
    names |= {name: asked.stand_in(name) for name in job["functions"]}
    entry_point = job["entry_point"]
    try:
        if entry_point:
            names["candidate"] = asked.stand_in(entry_point)
        exec(compile(job["tests"], "<tests>", "exec"), names)  # noqa: S102
        if entry_point and callable(names.get("check")):
            names["check"](names["candidate"])
    except CannotCross:
        # What comes after an answer may be the answer's fault: it could return too much.
        lines.send({"verdict": "failed" if asked.answers else "unusable"})
    except BaseException:  # noqa: BLE001 - a test that raises has failed
        lines.send({"verdict": "failed"})
    else:
        lines.send({"verdict": "passed" if asked.calls else "idle"})


class _Asked:
    """Functions of the code under test, called across the processes."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self.calls = 0
        self.answers = 0

    def stand_in(self, name: str) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> Any:
            self.calls += 1
            self._lines.send(
                {
                    "name": name,
                    "args": [encode(one) for one in args],
                    "kwargs": {key: encode(value) for key, value in kwargs.items()},
                }
            )
            answer = self._lines.receive()
            self.answers += 1
            if "value" in answer:
                return _given(answer["value"])
            raise _failure(str(answer.get("raised")))

        call.__name__ = name
        return call


def _given(value: object) -> Any:
    try:
        return decode(value)
    except CannotCross:
        raise ValueError("the answer returned no plain data") from None


def _failure(kind: str) -> Exception:
    """Return the built-in failure of that name, or a plain one."""
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, Exception):
        try:
            return found("raised by the answer")
        except TypeError:
            pass
    return RuntimeError("raised by the answer")


def _kind(failure: BaseException) -> str:
    """Return the name of the nearest built-in class."""
    for kind in type(failure).__mro__:
        if kind.__module__ == "builtins":
            return kind.__name__
    return "Exception"


def _quiet_lines() -> _Lines:
    """Move the two channels away from the standard streams, which then go nowhere."""
    source, target = os.dup(0), os.dup(1)
    nowhere = os.open("/", os.O_RDONLY)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = sys.stdout = sys.stderr = _Nowhere()
    return _Lines(source, target)


class _Nowhere:
    """A stream that takes everything and gives nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def read(self, _size: int = -1) -> str:
        return ""

    def readline(self, _size: int = -1) -> str:
        return ""

    def flush(self) -> None:
        """Nothing is kept."""


def _exactly(count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = os.read(0, count - len(found))
        if not chunk:
            raise SystemExit(1)
        found += chunk
    return found


_ROLES: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = MappingProxyType(
    {"program": _program, "module": _module, "tests": _tests}
)
