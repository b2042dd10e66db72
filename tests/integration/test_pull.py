"""Pulls against a loopback hub: checked, resumable, counted, and nothing usable after a failure."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.egress.control import ControlLog
from edge.egress.pull import PullRequest
from edge.models.source import FileSource, HubSource, UrlSource
from runtime.clock import SystemClock
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    LeewardError,
    ModelInvalid,
    NotFound,
    NotPermitted,
    RequestInvalid,
)
from runtime.ids import NodeName
from runtime.ledger.record import ControlPurpose, Destination
from runtime.ledger.writer import LedgerWriter
from tests.integration.pulling_device import Device

MODEL = (Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf").read_bytes()
SHA256 = hashlib.sha256(MODEL).hexdigest()
SOURCE = HubSource("acme/birds", "tern-s.gguf")
FILE = "acme/birds/tern-s.gguf"
Hub = Any  # the fixture's class lives in conftest.py, which is no module to import


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "state")


@pytest.fixture
def request_of(hub: Hub) -> PullRequest:
    hub.files[FILE] = MODEL
    return PullRequest(SOURCE, "tern", endpoint=hub.endpoint)


def url_request(hub: Hub, **more: Any) -> PullRequest:
    hub.files[FILE] = MODEL
    return PullRequest(UrlSource(f"{hub.storage}/{FILE}?key=k"), "tern", **more)


def test_a_model_of_the_hub_is_stored_checked_and_described(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    stored = device.pull(request_of)

    assert stored.file.read_bytes() == MODEL
    assert stored.file == device.state / "models" / "tern.gguf"
    assert stored.file.stat().st_mode & 0o777 == 0o600
    assert stored.record is not None
    assert (stored.record.sha256, stored.record.checked_by) == (SHA256, "hub")
    assert stored.record.source.startswith("hf:acme/birds:tern-s.gguf@0123456789abcdef")
    assert device.leftovers() == ["tern.gguf", "tern.json"]
    assert device.progress[-1] == (len(MODEL), len(MODEL))


def test_the_ledger_counts_bytes_by_destination(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    device.pull(request_of)

    asked, stored = device.control()
    assert asked.destination == Destination(NodeName(""), f"127.0.0.1:{hub.port}")
    assert stored.destination == Destination(NodeName(""), f"localhost:{hub.port}")
    assert asked.purpose is stored.purpose is ControlPurpose.PULL
    assert asked.status == stored.status == "ok"
    assert 100 < asked.sent_bytes < 1_000
    assert len(MODEL) < stored.received_bytes < len(MODEL) + 1_000


def test_while_a_daemon_has_the_ledger_the_counts_wait_for_it(
    device: Device, request_of: PullRequest
) -> None:
    async def take_in() -> None:
        async with LedgerWriter.open(device.state / "ledger", clock=SystemClock()) as ledger:
            await asyncio.to_thread(device.pull, request_of)
            ControlLog(device.state / "ledger", ledger).write()

    asyncio.run(take_in())

    assert [one.purpose for one in device.control()] == [ControlPurpose.PULL] * 2


def test_nothing_is_asked_but_the_file_and_no_token_of_the_machine_goes_along(
    device: Device, hub: Hub, request_of: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")

    device.pull(request_of)

    assert [(one.method, one.path.partition("?")[0]) for one in hub.asked] == [
        ("HEAD", "/acme/birds/resolve/main/tern-s.gguf"),
        ("GET", "/storage/acme/birds/tern-s.gguf"),
    ]
    assert all("authorization" not in one.headers for one in hub.asked)
    assert {one.headers["user-agent"].partition("/")[0] for one in hub.asked} == {"leeward"}


def test_a_given_token_goes_to_the_hub_and_not_to_its_storage(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    device.pull(replace(request_of, token="hf_given"))

    head, get = hub.asked
    assert head.headers["authorization"] == "Bearer hf_given"
    assert "authorization" not in get.headers


def test_a_broken_link_is_resumed_within_one_pull(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.cuts = [200_000, 100_000]

    stored = device.pull(request_of)

    ranges = [one.headers.get("range") for one in hub.downloads()]
    assert ranges[0] is None
    assert [int(text[6:-1]) > 0 for text in ranges[1:] if text] == [True, True]
    assert stored.file.read_bytes() == MODEL
    assert device.waits_s == [1.0, 1.0]


def test_a_dead_link_gives_up_keeps_what_came_and_the_next_pull_goes_on(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.cuts = [200_000, 0, 0, 0, 0]

    with pytest.raises(BackendUnavailable, match=r"bytes are kept, the same command goes on"):
        device.pull(request_of)
    given_up = device.store().all()
    stored = device.pull(request_of)

    assert given_up == ()
    assert device.waits_s == [1.0, 1.0, 2.0, 4.0]
    assert int(hub.downloads()[-1].headers["range"][6:-1]) >= 131_072
    assert stored.file.read_bytes() == MODEL
    assert {one.status for one in device.control()} == {"ok", "BackendUnavailable"}


def test_ctrl_c_keeps_what_came_and_is_counted(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    def interrupt(here: int, total: int) -> None:
        if here > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        device.pull(request_of, on_progress=interrupt)

    assert device.store().all() == ()
    assert device.leftovers() == [".incoming/tern.part", ".incoming/tern.part.json"]
    assert {one.status for one in device.control()} == {"interrupted"}


def test_a_pull_killed_in_the_middle_leaves_nothing_usable_and_the_next_one_goes_on(
    device: Device, hub: Hub, request_of: PullRequest, tmp_path: Path
) -> None:
    hub.stalls_after = 300_000
    write_config(tmp_path)
    script = "import typer; from edge.cli_models import pull; typer.run(pull)"
    command = [sys.executable, "-c", script, "hf:acme/birds:tern-s.gguf", "--name", "tern"]
    options = ["--endpoint", hub.endpoint, "--config", str(tmp_path / "edge.yaml")]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)

    assert hub.stalled.wait(30)
    wait_growing(device.state / "models" / ".incoming" / "tern.part", hub)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    hub.stalls_after = 0
    killed = device.store().all()
    stored = device.pull(request_of)

    assert killed == ()
    assert int(hub.downloads()[-1].headers["range"][6:-1]) > 0
    assert stored.file.read_bytes() == MODEL


def wait_growing(path: Path, hub: Hub) -> None:
    """Wait until the client has written something of what the hub has sent."""
    for _ in range(2_000):
        if path.exists() and path.stat().st_size > 0:
            return
        hub.go_on.wait(0.01)
    pytest.fail("nothing was written")


def test_a_server_without_ranges_is_read_again_from_the_start(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.cuts = [200_000]
    hub.honours_ranges = False

    stored = device.pull(request_of)

    assert stored.file.read_bytes() == MODEL


def test_a_digest_that_the_hub_contradicts_stops_before_the_download(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    with pytest.raises(ModelInvalid, match=f"has the SHA-256 {SHA256}, expected was {'0' * 64}"):
        device.pull(replace(request_of, sha256="0" * 64))

    assert hub.downloads() == []
    assert device.leftovers() == []


def test_altered_bytes_are_deleted(device: Device, hub: Hub, request_of: PullRequest) -> None:
    hub.sent_instead = MODEL[:-1] + bytes([MODEL[-1] ^ 1])

    with pytest.raises(ModelInvalid, match="its SHA-256 is"):
        device.pull(request_of)

    assert device.leftovers() == []


@pytest.mark.parametrize("data", [MODEL[:-100], b"GGUF" + bytes(100), b"<html>no</html>" * 9])
def test_what_the_hub_itself_holds_broken_is_deleted(
    device: Device, hub: Hub, request_of: PullRequest, data: bytes
) -> None:
    hub.files[FILE] = data

    with pytest.raises(ModelInvalid) as caught:
        device.pull(request_of)

    assert str(caught.value).startswith("hf:acme/birds:tern-s.gguf@")
    assert "\n" not in str(caught.value)
    assert device.leftovers() == []


def test_a_size_other_than_the_hub_said_is_refused(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.sent_instead = MODEL + b"more"

    with pytest.raises(ModelInvalid, match="the hub speaks of"):
        device.pull(request_of)

    assert device.leftovers() == []


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        ((404, "RepoNotFound"), NotFound, "no such repository"),
        ((401, "RepoNotFound"), NotFound, "no such repository"),
        ((404, "RevisionNotFound"), NotFound, "no such revision"),
        ((404, "EntryNotFound"), NotFound, "no such file"),
        ((404, ""), NotFound, "no such file"),
        ((403, "GatedRepo"), NotPermitted, "--token-file"),
        ((401, ""), NotPermitted, "--token-file"),
        ((503, ""), BackendUnavailable, "HTTP 503"),
    ],
)
def test_every_refusal_of_the_hub_is_one_clear_line(
    device: Device,
    hub: Hub,
    request_of: PullRequest,
    refusal: tuple[int, str],
    error: type[LeewardError],
    words: str,
) -> None:
    hub.refusal = refusal

    with pytest.raises(error, match=words) as caught:
        device.pull(request_of)

    assert "\n" not in str(caught.value)
    assert device.leftovers() == []


def test_a_busy_storage_is_asked_again(device: Device, hub: Hub, request_of: PullRequest) -> None:
    hub.storage_statuses = [503, 429]

    stored = device.pull(request_of)

    assert stored.file.read_bytes() == MODEL
    assert device.waits_s == [1.0, 2.0]


def test_a_hub_that_is_not_there_is_named(device: Device, request_of: PullRequest) -> None:
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:1 cannot be reached: ConnectError"):
        device.pull(replace(request_of, endpoint="http://127.0.0.1:1"))


def test_a_full_disk_is_found_before_the_download(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    with pytest.raises(CapacityExhausted, match="1 MB and a reserve are needed, 50 MB are free"):
        device.pull(request_of, free=lambda _: 50_000_000)

    assert device.progress == []
    assert device.store().all() == ()


@pytest.mark.parametrize("endpoint", ["http://192.0.2.1", "http://hub.example"])
def test_another_machine_is_not_asked_without_tls(
    device: Device, request_of: PullRequest, endpoint: str
) -> None:
    with pytest.raises(RequestInvalid, match="without TLS"):
        device.pull(replace(request_of, endpoint=endpoint))

    assert not (device.state / "ledger").exists()


def test_a_redirect_to_plain_http_elsewhere_is_not_followed(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.redirect = "http://192.0.2.1/tern-s.gguf"

    with pytest.raises(RequestInvalid, match=r"192\.0\.2\.1 is not asked without TLS"):
        device.pull(request_of)


def test_two_pulls_of_one_name_do_not_mix(device: Device, request_of: PullRequest) -> None:
    with (
        device.store().incoming("tern"),
        pytest.raises(CapacityExhausted, match="another pull of tern is running"),
    ):
        device.pull(request_of)


def test_a_url_with_a_digest_is_compared_with_it(device: Device, hub: Hub) -> None:
    stored = device.pull(url_request(hub, sha256=SHA256))

    assert stored.record is not None
    assert stored.record.checked_by == "given"
    assert stored.record.source == f"{hub.storage}/{FILE}"


def test_a_url_without_a_digest_is_resumed_only_while_its_content_is_the_same(
    device: Device, hub: Hub
) -> None:
    request = url_request(hub)
    hub.cuts = [200_000, 0, 0, 0, 0]
    with pytest.raises(BackendUnavailable):
        device.pull(request)
    other = (Path(__file__).parents[2] / "reference" / "weights" / "gannet-m.gguf").read_bytes()
    hub.files[FILE] = other

    stored = device.pull(request)

    assert "if-range" in hub.downloads()[-1].headers
    assert stored.file.read_bytes() == other
    assert stored.record is not None
    assert stored.record.checked_by == "structure"


def test_a_file_that_changed_at_the_hub_meanwhile_is_fetched_anew(
    device: Device, hub: Hub, request_of: PullRequest
) -> None:
    hub.cuts = [200_000, 0, 0, 0, 0]
    with pytest.raises(BackendUnavailable):
        device.pull(request_of)
    other = (Path(__file__).parents[2] / "reference" / "weights" / "gannet-m.gguf").read_bytes()
    hub.files[FILE] = other

    stored = device.pull(request_of)

    assert "range" not in hub.downloads()[-1].headers
    assert stored.file.read_bytes() == other
    assert stored.record is not None
    assert stored.record.checked_by == "hub"


def test_a_local_file_is_copied_and_sends_nothing(device: Device, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(MODEL)

    stored = device.pull(PullRequest(FileSource(tmp_path / "mine.gguf"), "mine"))

    assert stored.file.read_bytes() == MODEL
    assert not (device.state / "ledger").exists()


def test_a_broken_local_file_leaves_nothing(device: Device, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(MODEL[:1000])

    with pytest.raises(ModelInvalid, match=r"mine\.gguf: "):
        device.pull(PullRequest(FileSource(tmp_path / "mine.gguf"), "mine"))

    assert device.leftovers() == []


def test_a_name_that_is_taken_is_replaced_only_on_demand(
    device: Device, hub: Hub, request_of: PullRequest, tmp_path: Path
) -> None:
    first = device.pull(request_of)
    other = tmp_path / "other.gguf"
    other.write_bytes(
        (Path(__file__).parents[2] / "reference" / "weights" / "gannet-m.gguf").read_bytes()
    )
    request = PullRequest(FileSource(other), "tern")

    with pytest.raises(RequestInvalid, match="--replace"):
        device.pull(request)
    again = device.pull(replace(request_of, sha256=SHA256))
    replaced = device.pull(replace(request, is_replacing=True))

    assert again == first
    assert replaced.file.read_bytes() == other.read_bytes()
    assert len(hub.downloads()) == 1


def write_config(directory: Path) -> None:
    fields = {
        "leeward": "edge/v1",
        "state": "state",
        "policy": "policy.yaml",
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": "ask",
        "models": {"tern-s": {"file": "tern.gguf"}},
    }
    (directory / "edge.yaml").write_text(json.dumps(fields))
    assert os.access(directory / "edge.yaml", os.R_OK)
