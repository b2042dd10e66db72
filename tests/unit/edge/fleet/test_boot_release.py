"""A daemon that starts with a state on trial whose release another daemon could not start."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.config import load_config
from edge.fleet.boot import FleetHome, start_with
from edge.fleet.generations import Generations, Taken
from edge.fleet.pointer import Generation, Pointer, PointerFile
from edge.models.store import ModelStore
from edge.software.launched import Launched
from edge.software.pointer import SoftwarePointerFile
from edge.software.releases import Releases
from edge.software.software import SwitchedSoftware
from runtime.clock import SystemClock
from runtime.fleet.order import Order, sign_order
from runtime.fleet.state import Target, pack_state, state_hash
from runtime.ids import DeviceId

KEY = Ed25519PrivateKey.generate()
DEVICE = DeviceId("device-1")
PROBATION_S = 7_200.0


def test_the_launcher_is_given_the_probation_that_the_state_asks_for(tmp_path: Path) -> None:
    file = SoftwarePointerFile(tmp_path / "software")
    launched = Launched(file.load().current, "packages")
    releases = Releases(tmp_path / "software", launched, config=tmp_path / "edge.yaml")
    ended: list[None] = []
    home = FleetHome(
        pointers=PointerFile(tmp_path / "fleet"),
        generations=Generations(tmp_path / "fleet"),
        store=ModelStore(tmp_path, clock=SystemClock()),
        signers=[KEY.public_key()],
        target=Target(DEVICE),
        load=lambda changes: load_config(tmp_path / "edge.yaml", changes=changes),
        software=SwitchedSoftware(
            file, releases, launched, clock=SystemClock(), end=lambda: ended.append(None)
        ),
    )
    state = pack_state(
        {
            "leeward": "fleet-state/v1",
            "name": "clinic",
            "revision": 1,
            "base": {"release": {"version": "2", "source": "2.zip", "sha256": "c" * 64}},
            "health": {"probation_s": PROBATION_S},
        }
    )
    order = Order(2, state_hash(state), 1, device=DEVICE)
    home.generations.keep(2, Taken(sign_order(order, KEY), state))
    trial = Generation(2, state_hash(state), "clinic", 1)
    home.pointers.save(Pointer().take(2).try_out(trial))

    assert start_with(home) is None

    pointer = file.load()
    assert ended
    assert (pointer.current, pointer.is_trial) == ("c" * 64, True)
    assert pointer.within_s >= PROBATION_S
