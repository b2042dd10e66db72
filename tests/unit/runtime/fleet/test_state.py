"""A state says for each device what it should have, and nothing of the document is lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import StateInvalid
from runtime.fleet.authored import pack_file
from runtime.fleet.state import Target, pack_state, parse_state, resolve, state_hash
from runtime.ids import DeviceId

SHA = "a" * 64


def state(**parts: Any) -> dict[str, Any]:
    return {"leeward": "fleet-state/v1", "name": "clinics", "revision": 3, **parts}


def model(source: str) -> dict[str, Any]:
    return {"source": source, "sha256": SHA}


def target(device: str = "device-1", groups: tuple[str, ...] = (), **labels: str) -> Target:
    return Target(DeviceId(device), frozenset(groups), labels)


LAYERED = state(
    base={"models": {"slm": model("base"), "old": model("base")}, "settings": {"max_queue": 1}},
    overlays=[
        {"for": {"devices": ["device-1"]}, "models": {"slm": model("device")}},
        {"for": {"groups": ["kiosks"]}, "models": {"slm": model("group"), "old": None}},
        {"for": {"labels": {"site": "waw"}}, "settings": {"max_queue": 7}},
    ],
)


def test_the_more_specific_overlay_wins_wherever_it_stands() -> None:
    wanted = resolve(parse_state(pack_state(LAYERED)), target(groups=("kiosks",), site="waw"))

    assert {name: one.source for name, one in wanted.models.items()} == {"slm": "device"}
    assert wanted.settings == {"max_queue": 7}


def test_whom_no_overlay_fits_gets_the_base() -> None:
    wanted = resolve(parse_state(pack_state(LAYERED)), target("device-2", site="krk"))

    assert {name: one.source for name, one in wanted.models.items()} == {
        "slm": "base",
        "old": "base",
    }
    assert wanted.settings == {"max_queue": 1}


def test_an_overlay_needs_all_that_its_selector_names() -> None:
    both = {"for": {"groups": ["kiosks"], "labels": {"site": "waw"}}, "settings": {"max_queue": 9}}
    read = parse_state(pack_state(state(overlays=[both])))

    assert resolve(read, target(groups=("kiosks",))).settings == {}
    assert resolve(read, target(site="waw")).settings == {}
    assert resolve(read, target(groups=("kiosks",), site="waw")).settings == {"max_queue": 9}


@pytest.mark.parametrize("name", ["listen", "http", "state", "policy_signers", "fleet", "gateway"])
def test_a_fleet_cannot_move_a_devices_doors_or_trust(name: str) -> None:
    with pytest.raises(StateInvalid, match=rf"base\.settings\.{name}: a fleet cannot set this"):
        pack_state(state(base={"settings": {name: "x"}}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"leeward":"fleet-state/v2"}', 'must be "fleet-state/v1"'),
        (b" " * (2 << 20) + b"{}", "at most"),
    ],
)
def test_what_is_no_state_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(StateInvalid, match=reason):
        parse_state(content)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: json.dumps(text).encode()))
def test_hostile_bytes_only_ever_raise_state_invalid(content: bytes) -> None:
    with pytest.raises(StateInvalid):
        parse_state(content)


def test_the_hash_does_not_hang_on_how_the_document_is_written_down() -> None:
    turned = dict(reversed(LAYERED.items()))

    assert state_hash(pack_state(LAYERED)) == state_hash(pack_state(turned))


def test_packing_takes_every_named_file_and_its_signature_inside(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("policy text")
    (tmp_path / "policy.yaml.sig").write_text("policy signature")
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "ask-far.yaml").write_text("graph text")
    file = tmp_path / "state.yaml"
    file.write_text(
        "leeward: fleet-state/v1\nname: clinics\nrevision: 1\n"
        "base: {policy: policy.yaml}\n"
        "overlays:\n- {for: {groups: [kiosks]}, graphs: graphs}\n"
    )

    read = parse_state(pack_file(file))

    assert read.base.policy is not None
    assert (read.base.policy.text, read.base.policy.signature) == (
        "policy text",
        "policy signature",
    )
    graph = read.overlays[0].graphs["ask-far"]
    assert graph is not None
    assert graph.text == "graph text"


def test_packing_names_the_line_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "state.yaml"
    file.write_text("leeward: fleet-state/v1\nname: a\nrevision: 1\nbase:\n  policy: gone.yaml\n")

    with pytest.raises(StateInvalid, match=r"state\.yaml:5: base\.policy: .*cannot be read"):
        pack_file(file)
