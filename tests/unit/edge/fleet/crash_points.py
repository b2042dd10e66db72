"""Kills a device at every step of taking a state, and looks what its next start finds.

A process of its own without threads, which forks for every point: ``test_crash_points`` runs it.
Everything is real but what serves and the models; prints one JSON object per point.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.config import load_config
from edge.fleet.applier import Applier
from edge.fleet.boot import Effective, FleetHome, effective, start_with
from edge.fleet.generations import Generations, Taken
from edge.fleet.pointer import MAX_TRIAL_STARTS, Generation, Pointer, PointerFile
from edge.fleet.stage import Calls
from edge.models.room import Room
from edge.models.store import ModelStore
from edge.software.launched import Launched
from edge.software.pointer import SoftwarePointerFile, python_of
from edge.software.releases import Releases
from edge.software.software import SwitchedSoftware
from runtime.clock import SystemClock
from runtime.fleet.order import Order, sign_order
from runtime.fleet.report import Outcome
from runtime.fleet.state import CheckShape, ModelShape, ReleaseShape, Target, pack_state, state_hash
from runtime.ids import DeviceId
from runtime.testing.dying import die_at

FILES = {
    "edge.yaml": """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: ask
gateway: null
models: {slm: {file: slm.gguf}}
""",
    "policy.yaml": """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: public}
when_unsure: restricted
""",
    "catalog.yaml": """\
leeward: catalog/v1
nodes: {edge: {zone: edge}}
models: {slm: {node: edge}}
""",
    "graphs/ask.yaml": """\
leeward: graph/v1
name: ask
steps: {answer: {role: assistant, model: slm}}
""",
}
STEPS = ("mkdir", "open", "fsync", "replace", "rename", "unlink", "rmdir")
"""Whatever changes the disk; between two of them nothing does."""
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
DEVICE = DeviceId("device-1")
RELEASE = "c" * 64
SAME_STEPS = 20
WITH_SOFTWARE = 3
MAX_QUEUE = {1: 11, 2: 22, WITH_SOFTWARE: 33}
"""By order: what tells from a configuration which state it is of."""


class Stage:
    """Serves nothing, and is content with everything."""

    async def try_out(self, candidate: Effective, checks: tuple[CheckShape, ...]) -> float | None:
        return None

    async def switch(self, candidate: Effective) -> None:
        return None

    def calls(self) -> Calls:
        return Calls()

    def lost_models(self) -> tuple[str, ...]:
        return ()


class NothingToPull:
    """These states name neither models nor software."""

    async def fetch(self, name: str, model: ModelShape) -> None:
        raise AssertionError(name)

    async def fetch_bundle(self, room: Room, release: ReleaseShape, target: Path) -> None:
        raise AssertionError(target)


def home_in(root: Path, end: Callable[[], None] = lambda: None) -> FleetHome:
    """Return what the device in a directory keeps, in the release that a launcher would start."""
    state = root / "leeward-edge"
    directory, software = state / "fleet", state / "software"
    file = SoftwarePointerFile(software)
    launched = Launched(file.load().current, "packages")
    releases = Releases(software, launched, config=root / "edge.yaml")
    return FleetHome(
        pointers=PointerFile(directory),
        generations=Generations(directory),
        store=ModelStore(state, clock=SystemClock()),
        signers=[KEY.public_key()],
        target=Target(DEVICE),
        load=lambda changes: load_config(root / "edge.yaml", changes=changes),
        software=SwitchedSoftware(file, releases, launched, clock=SystemClock(), end=end),
    )


def started(root: Path) -> tuple[FleetHome, Effective, asyncio.Event]:
    """Start daemons, as a launcher does, until one goes on; with it, what is set when it ends."""
    while True:
        ended = asyncio.Event()
        home = home_in(root, ended.set)
        running = start_with(home)
        if running is not None:
            return home, running, ended


def offer(number: int) -> Taken:
    """Return an order to take the state that ``MAX_QUEUE`` tells."""
    base: dict[str, object] = {"settings": {"max_queue": MAX_QUEUE[number]}}
    if number == WITH_SOFTWARE:
        base["release"] = {"version": "2", "source": "2.zip", "sha256": RELEASE}
    content = {
        "leeward": "fleet-state/v1",
        "name": "points",
        "revision": number,
        "base": base,
        "health": {"probation_s": 0},
    }
    packed = pack_state(content)
    order = Order(number, state_hash(packed), number, device=DEVICE)
    return Taken(sign_order(order, KEY), packed)


async def take(root: Path, number: int) -> None:
    """Start, take an order as a daemon does, and stop once nothing is left to do."""
    has_ended = True
    while has_ended:  # it ends where another release is to run
        home, running, ended = await asyncio.to_thread(started, root)
        applier = Applier(home, Stage(), running, pulls=NothingToPull(), clock=SystemClock())
        working = asyncio.create_task(applier.run())
        applier.inbox.offer(offer(number))
        async with asyncio.timeout(20):
            while not ended.is_set() and is_busy(applier.pointer, number):
                await asyncio.sleep(0.005)
                if working.done():
                    working.result()
        has_ended = ended.is_set()
        await asyncio.sleep(0.05)  # what is not needed any more is removed at the end
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def is_busy(pointer: Pointer, number: int) -> bool:
    """Whether an order has not been carried out yet."""
    return pointer.taken < number or pointer.outcome is Outcome.TRYING


def start_on_trial(root: Path) -> None:
    """Start with the second state on trial, for the third time: it goes back."""
    start_with(home_in(root))


def forked(work: Callable[[], None]) -> int:
    """Do ``work`` in a child; return how that ended, as ``waitpid`` says."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitpid(child, 0)[1]


def found(root: Path) -> dict[str, Any]:
    """Return what a start makes of what is on the disk."""
    home = home_in(root)
    before = home.pointers.load()
    good = effective(home, before.good, allows_older=False)
    home, running, _ = started(root)
    return {
        "good": [before.good.order, good.config.max_queue],
        "running": [running.generation.order, running.config.max_queue],
        "release": home.software.standing().current,
    }


def points(
    root: Path,
    prepared: Path,
    work: Callable[[Path], None],
    number: int,
    *,
    begin: int = 0,
    stride: int = 1,
) -> None:
    """Kill ``work`` after ``begin`` steps, after ``stride`` more, and so on until it ends."""
    point = begin
    while True:
        point += stride
        copy = root / f"{prepared.name}-{point}"
        shutil.copytree(prepared, copy)

        def killed(point: int = point, copy: Path = copy) -> None:
            die_at(point, STEPS)
            work(copy)

        status = forked(killed)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise AssertionError(f"point {point} failed")
            shutil.rmtree(copy)
            break

        def looked(point: int = point, copy: Path = copy) -> None:
            # Of its own: every start of a state on trial is counted, and the third goes back.
            shutil.copytree(copy, aside := copy.with_suffix(".aside"))
            seen: dict[str, Any] = {"case": prepared.name, "point": point, **found(aside)}
            shutil.rmtree(aside)
            asyncio.run(take(copy, number))  # it goes on to the end, whatever was left
            end = found(copy)
            seen |= {"end": end["running"], "end_release": end["release"]}
            sys.stdout.write(json.dumps(seen) + "\n")
            sys.stdout.flush()

        if forked(looked):
            raise AssertionError(f"nothing can be started after point {point}")
        shutil.rmtree(copy)


def main(root: Path, stride: int) -> None:
    """Make a device that runs the first state, and harm it at every ``stride``-th step."""
    installed, first, trial = (root / name for name in ("installed", "first", "trial"))
    (installed / "graphs").mkdir(parents=True)
    for name, text in FILES.items():
        (installed / name).write_text(text)
    (installed / "slm.gguf").touch()
    shutil.copytree(installed, first)
    forked(lambda: asyncio.run(take(first, 1)))
    shutil.copytree(first, trial)
    home = home_in(trial)
    home.generations.keep(2, offer(2))
    second = Generation(2, state_hash(offer(2).state), "points", 2)
    pointer = home.pointers.load().take(2).try_out(second)
    home.pointers.save(replace(pointer, starts=MAX_TRIAL_STARTS))
    software = root / "software"
    shutil.copytree(first, software)
    python = python_of(software / "leeward-edge" / "software", RELEASE)
    python.parent.mkdir(parents=True)
    python.touch()
    points(root, first, lambda copy: asyncio.run(take(copy, 2)), 2, stride=stride)
    points(root, trial, start_on_trial, 2)
    # The steps before these are the same as without software.
    points(
        root,
        software,
        lambda copy: asyncio.run(take(copy, WITH_SOFTWARE)),
        WITH_SOFTWARE,
        begin=SAME_STEPS,
        stride=stride + 1,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
