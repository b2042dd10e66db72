"""Code in the sandbox computes, and can do nothing else: each attack is made for real."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from optimizer.scoring.code.examine import examine
from optimizer.scoring.code.model import Case, CodeTests, Ending
from optimizer.scoring.sandbox.cell import SandboxLimits, open_cell

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[5]
LIMITS = SandboxLimits(cpu_s=1)

ATTACKS = {
    "read the password file": "open('/etc/passwd').read()",
    "read a file by its descriptor's path": "open('/proc/self/fd/0').read()",
    "list processes": "os.listdir('/proc')",
    "list temporary files": "os.listdir('/tmp')",
    "write to the root": "open('/x', 'w')",
    "write beside the library": "open(os.__file__ + 'x', 'w')",
    "make a directory": "os.mkdir('/d')",
    "open a device": "open('/dev/null')",
    "dial the loopback": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "dial a neighbour": "socket.create_connection(('192.0.2.1', 80), 1)",
    "open a Unix socket": "socket.socket(socket.AF_UNIX)",
    "make a pair of sockets": "socket.socketpair()",
    "fork": "os.fork()",
    "start a thread": "threading.Thread(target=print).start()",
    "start a program": "os.execv(sys.executable, ['python'])",
    "start a subprocess": "subprocess.run(['true'])",
    "kill its parent": "os.kill(os.getppid() or 1, 9)",
    "kill a process of the host": "os.kill(HOST, 9)",
    "kill everybody": "os.kill(-1, 9)",
    "become root": "os.setuid(0)",
    "change root": "os.chroot('/')",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
    "make memory into a file": "os.memfd_create('x')",
    "use an inherited descriptor": "[os.read(fd, 1) for fd in range(3, 32)]",
    "unpickle its way out": "pickle.loads(b'cos\\nsystem\\n(S\"id > /x\"\\ntR.') and 1 / 0",
    "read the packages": "os.listdir(os.path.dirname(os.__file__) + '/site-packages')[0]",
}
PROBE = """
import json, os, sys, socket, threading, subprocess, resource, signal, pickle
HOST, PORT = {host}, {port}
found = {{}}
for name, attack in json.loads(sys.stdin.read()).items():
    try:
        found[name] = "done: " + repr(eval(attack))[:100]
    except Exception as failure:
        found[name] = type(failure).__name__
print(json.dumps(found))
print(json.dumps([os.getpid(), os.environ.get("HOME"), os.listdir("/"), os.getcwd()]))
"""


async def output_of(code: str, stdin: str = "") -> str:
    async with open_cell("program", {"code": code}, LIMITS) as cell:
        await cell.write(stdin.encode())
        await cell.close_input()
        return (await cell.read_all(100_000)).decode()


async def test_every_way_out_is_closed() -> None:
    async def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(1)
        writer.close()

    heard: list[int] = []
    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    out = await output_of(PROBE.format(host=os.getpid(), port=port), json.dumps(ATTACKS))
    server.close()
    await server.wait_closed()

    attacks, place = (json.loads(line) for line in out.splitlines())
    assert attacks.keys() == ATTACKS.keys()
    assert {name: how for name, how in attacks.items() if how.startswith("done")} == {}
    assert heard == []
    assert place[:2] == [1, None]
    assert place[2] == [Path(os.__file__).parts[1]]
    assert place[3] == "/"


@pytest.mark.parametrize(
    ("code", "endings"),
    [
        ("while True: pass", {Ending.TIMED_OUT}),
        ("x = b'x'\nwhile True: x += x", {Ending.CRASHED}),
        (
            "while True:\n    try: __import__('os').fork()\n    except OSError: pass",
            {Ending.TIMED_OUT},
        ),
        ("while True: print('x' * 100000)", {Ending.WRONG}),
        (
            "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
            {Ending.CRASHED, Ending.TIMED_OUT},
        ),
        ("import os\nos.close(1)\nos.close(0)", {Ending.WRONG, Ending.CRASHED}),
    ],
)
async def test_bombs_end_themselves_only(code: str, endings: set[Ending]) -> None:
    found = await examine(code, CodeTests(cases=(Case(stdout="1"),)), LIMITS)

    assert found.ending in endings


async def test_code_that_sleeps_is_ended_by_the_wall_clock_and_leaves_nobody() -> None:
    limits = SandboxLimits(cpu_s=5, wall_s=4.0)
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    found = await examine(
        "import time\ntime.sleep(1000)", CodeTests(cases=(Case(stdout="1"),)), limits
    )

    after = {child.pid for child in psutil.Process().children(recursive=True)}
    assert found.ending is Ending.TIMED_OUT
    assert after <= before


async def test_the_code_under_test_holds_neither_tests_nor_expected_results() -> None:
    code = """
import gc, sys
def f(x):
    seen = repr([o for o in gc.get_objects() if isinstance(o, (dict, list, tuple, set))])
    texts = [repr(vars(m)) for m in list(sys.modules.values()) if m]
    frames, frame = [], sys._getframe()
    while frame:
        frames.append(repr(frame.f_locals)); frame = frame.f_back
    return any("".join(["CANARY", "-", "7"]) in text for text in (seen, *texts, *frames))
"""
    tests = CodeTests(
        entry_point="f",
        cases=(Case(args=(1,), returns=False),),
        tests="expected = 'CANARY-7'\nassert f(1) is False",
        functions=("f",),
    )

    found = await examine(code, tests, SandboxLimits())

    assert found.ending is Ending.PASSED


async def test_examinations_side_by_side_do_not_meet() -> None:
    async def one(number: int) -> Ending:
        tests = CodeTests(cases=(Case(stdin=str(number), stdout=str(number * 2)),))
        return (await examine("print(int(input()) * 2)", tests, SandboxLimits())).ending

    found = await asyncio.gather(*(one(number) for number in range(6)))

    assert set(found) == {Ending.PASSED}


DRIVER = """
import asyncio, json, sys
sys.path.insert(0, {root!r})
from optimizer.scoring.sandbox.cell import SandboxLimits, open_cell
async def main():
    async with open_cell("program", {{"code": sys.stdin.read()}}, SandboxLimits(cpu_s=2)) as cell:
        print({mark!r}, flush=True)
        await cell.close_input()
        print((await cell.read_all(1000)).decode())
asyncio.run(main())
"""


def system_python() -> str:
    """A Python that an ordinary user may run; ours may be in somebody's home."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    if found is None or subprocess.run([found, "-c", check], check=False).returncode:
        pytest.skip("no system Python of 3.11 or newer to run as an ordinary user (#6)")
    return found


def driver_in(directory: Path, *, mark: str) -> str:
    """Copy what the sandbox needs to where anybody may read it, and return a program over it."""
    shutil.copytree(ROOT / "optimizer" / "scoring", directory / "optimizer" / "scoring")
    (directory / "runtime").mkdir()
    shutil.copy(ROOT / "runtime" / "errors.py", directory / "runtime")
    for place in (directory, *directory.rglob("*")):
        place.chmod(0o755)
    return DRIVER.format(root=str(directory), mark=mark)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs all other tests here (#6)")
def test_an_ordinary_user_is_confined_as_well() -> None:
    python = system_python()
    directory = Path("/tmp") / f"leeward-sandbox-{os.getpid()}"
    directory.mkdir()
    try:
        driver = driver_in(directory, mark="open")
        code = (
            "import os\nfor f in ('/etc/passwd', '/tmp'):\n"
            "    try: print(os.stat(f))\n    except OSError as e: print(type(e).__name__)\n"
            "print(os.listdir('/'), os.getpid())"
        )
        done = subprocess.run(
            [python, "-c", driver],
            input=code,
            user=65534,
            group=65534,
            extra_groups=[],
            env={},
            cwd="/",
            text=True,
            capture_output=True,
            check=False,
        )
    finally:
        shutil.rmtree(directory)

    assert done.stderr == ""
    assert done.stdout.split("\n") == [
        "open",
        "FileNotFoundError",
        "FileNotFoundError",
        "['usr'] 1",
        "",
        "",
    ]


def test_nothing_outlives_a_host_that_is_killed(tmp_path: Path) -> None:
    driver = DRIVER.format(root=str(ROOT), mark="open")
    host = subprocess.Popen(
        [shutil.which("python3") or "python3", "-c", driver],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write("import time\ntime.sleep(1000)")
    host.stdin.close()
    assert host.stdout.readline() == "open\n"
    confined = psutil.Process(host.pid).children(recursive=True)

    host.kill()
    host.wait()
    host.stdout.close()
    gone, alive = psutil.wait_procs(confined, timeout=30)

    assert len(gone) == 2
    assert alive == []
