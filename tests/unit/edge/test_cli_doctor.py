"""``leeward edge doctor`` says how a device stands, and the one thing to do about each finding."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge import cli_doctor
from edge.cli import app
from edge.identity import IdentityStore
from runtime.clock import SystemClock
from runtime.codec.enrolment import Credentials
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.ids import DeviceId

CONFIG = """\
leeward: edge/v1
listen: 127.0.0.1:1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: ask
models: {m: {file: m.gguf}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "edge.yaml").write_text(CONFIG)
    (tmp_path / "edge-state").mkdir(mode=0o700)
    return tmp_path / "edge.yaml"


def enrol(config: Path, *, enrolment: str = "127.0.0.1:1") -> None:
    clock = SystemClock()
    authority = CertificateAuthority.create("test", clock=clock, lifetime_s=86_400)
    keys = create_device_keys()
    issued = authority.issue_client(create_csr(keys.tls), DeviceId("device-7"), lifetime_s=3600)
    store = IdentityStore(config.parent / "edge-state" / "identity", clock=clock)
    credentials = Credentials(
        certificate_chain_pem=issued.chain_pem,
        ca_bundle_pem=authority.certificate_pem,
        gateway_address="127.0.0.1:1",
        expires_at=issued.expires_at,
        device_id=DeviceId("device-7"),
    )
    store.save(keys, credentials, enrolment=enrolment)


def examined(config: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    result = CliRunner().invoke(app, ["doctor", "--config", str(config), "--json"])
    checks = json.loads(result.stdout)["checks"]
    return result.exit_code, {check["name"]: check for check in checks}


def test_a_device_that_never_enrolled_is_told_to(config: Path) -> None:
    code, checks = examined(config)

    assert code == 3
    assert checks["identity"]["status"] == "missing"
    assert "edge enroll --token" in checks["identity"]["advice"]
    assert "leeward edge serve" in checks["daemon"]["advice"]
    assert "gateway" not in checks


def test_a_device_whose_keys_do_not_open_is_not_told_to_enrol_first(config: Path) -> None:
    enrol(config)
    key = config.parent / "edge-state" / "identity" / "device-tls.pem"
    key.chmod(0o644)

    _, checks = examined(config)

    assert checks["identity"]["advice"].startswith("mend that; where it cannot be, run ")
    assert "set its mode to 0600" in checks["identity"]["detail"]


def test_a_gateway_that_does_not_answer_is_told_from_a_good_certificate(config: Path) -> None:
    enrol(config)

    code, checks = examined(config)

    assert code == 3
    assert (checks["identity"]["status"], checks["certificate"]["status"]) == ("ok", "ok")
    assert checks["gateway"]["status"] == "missing"


@pytest.mark.parametrize(
    ("enrolment", "status", "advice"),
    [("127.0.0.1:1", "warning", "recovers by itself"), ("", "missing", "enroll --force")],
)
def test_a_certificate_that_has_ended_comes_with_what_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch, enrolment: str, status: str, advice: str
) -> None:
    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=2)

    enrol(config, enrolment=enrolment)
    monkeypatch.setattr(cli_doctor, "SystemClock", Later)

    _, checks = examined(config)

    assert checks["certificate"]["status"] == status
    assert advice in checks["certificate"]["advice"]
