"""A newer configuration is taken over wholly or not at all, and the outcome is written down."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cloud.config import CloudConfig, load_config
from cloud.config_fronts import HttpConfig
from cloud.reload import Reloading, read_record, restart_needed, taking_over
from cloud.running import holder_of, holding
from runtime.errors import CertificateInvalid, ConfigInvalid

FIELDS = {
    "leeward": "cloud/v1",
    "upstreams": {"p": {"base_url": "http://127.0.0.1:1/v1", "api_key_env": "KEY"}},
    "models": {"m": {"targets": [{"upstream": "p", "model": "m"}]}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.yaml"
    write(path, {})
    return path


def write(path: Path, change: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump({**FIELDS, **change}))


class Gateway:
    """Takes configurations over, or refuses."""

    def __init__(self) -> None:
        self.taken: list[CloudConfig] = []
        self.refusal: Exception | None = None
        self.asked = asyncio.Event()

    async def apply(self, config: CloudConfig) -> None:
        self.asked.set()
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(config)


def reloading(path: Path, gateway: Gateway) -> Reloading:
    record = path.with_name("reload.json")
    return Reloading(path, load_config(path), gateway.apply, record=record, pid=os.getpid())


async def test_a_signal_takes_the_file_over_as_it_is_then(path: Path) -> None:
    gateway = Gateway()
    running = asyncio.create_task(reloading(path, gateway).run())
    await asyncio.sleep(0.01)
    write(path, {"drain_s": 3, "name": "other"})

    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(5):
        await gateway.asked.wait()
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    noted = read_record(path.with_name("reload.json"))
    assert noted is not None
    assert [config.drain_s for config in gateway.taken] == [3]
    assert noted.error == ""
    assert noted.restart_needed == ("name",)
    assert noted.pid == os.getpid()


@pytest.mark.parametrize(
    ("text", "refusal", "said"),
    [
        ("{leeward: cloud/v1}", None, "upstreams"),
        ("\x00", None, ""),
        (None, ConfigInvalid("no key", field="upstreams.p"), "no key"),
        (None, ZeroDivisionError("Anna Kowalska"), "internal error"),
    ],
)
async def test_what_cannot_be_taken_over_changes_nothing_and_is_said(
    path: Path, text: str | None, refusal: Exception | None, said: str
) -> None:
    gateway = Gateway()
    gateway.refusal = refusal
    one = reloading(path, gateway)
    before = one.newest
    if text is not None:
        await asyncio.to_thread(path.write_text, text)

    await one.reload()

    record = read_record(path.with_name("reload.json"))
    assert record is not None
    assert said in record.error
    assert record.error
    assert "Kowalska" not in record.error
    assert one.newest is before
    assert gateway.taken == []


@pytest.mark.parametrize(
    ("change", "waiting"),
    [
        ({"listen": "127.0.0.1:1"}, ("listen",)),
        ({"drain_s": 1, "graphs": {"directory": "g"}}, ()),
        ({"http": {"listen": "127.0.0.1:1"}}, ("http",)),
        ({"cache": {}}, ("cache",)),
    ],
)
def test_what_only_a_restart_takes_over_is_named(
    path: Path, change: dict[str, object], waiting: tuple[str, ...]
) -> None:
    running = load_config(path)
    write(path, change)

    assert restart_needed(running, load_config(path)) == waiting


def test_of_an_http_front_only_what_listens_waits_for_a_restart(path: Path) -> None:
    write(path, {"http": {"timeout_s": 5}})
    running = load_config(path)
    write(path, {"http": {"timeout_s": 6}})
    same = load_config(path)
    write(path, {"http": {"listen": "127.0.0.1:1"}})

    assert restart_needed(running, same) == ()
    assert restart_needed(running, load_config(path)) == ("http",)


def test_the_gateway_of_a_state_directory_is_the_one_that_holds_its_lock(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with holding(tmp_path) as is_first:
        assert is_first
        assert holder_of(tmp_path) == os.getpid()
        with holding(tmp_path) as is_second:
            assert not is_second
        assert holder_of(tmp_path) == os.getpid()
    assert holder_of(tmp_path) is None


class Parts:
    """What a reload goes through, in order; one of its steps may fail."""

    def __init__(self, failing: str = "") -> None:
        self.done: list[str] = []
        self._failing = failing

    def step(self, name: str) -> None:
        if name == self._failing:
            raise CertificateInvalid(name)
        self.done.append(name)

    def check(self, config: HttpConfig) -> None:
        self.step("check")

    def apply(self, config: HttpConfig) -> None:
        self.step("front")

    def renew(self) -> None:
        self.step("renew")

    async def prepare(self, config: CloudConfig) -> Callable[[], None]:
        self.step("prepare")
        return lambda: self.step("commit")


@pytest.mark.parametrize("failing", ["check", "renew", "prepare"])
async def test_an_authority_that_does_not_sign_now_leaves_what_runs_as_it_is(
    path: Path, failing: str
) -> None:
    write(path, {"http": {"listen": "127.0.0.1:0"}})
    parts, good = Parts(failing), Parts()

    with pytest.raises(CertificateInvalid):
        await taking_over(parts.prepare, parts, parts.renew)(load_config(path))
    await taking_over(good.prepare, good, good.renew)(load_config(path))

    assert not {"front", "commit"} & set(parts.done)
    assert sorted(good.done) == ["check", "commit", "front", "prepare", "renew"]
