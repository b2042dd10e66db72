"""The gateway's Helm chart: linted and rendered by Helm's own library, checked by schemas.

``make helm-tools`` installs both, and ``make unit`` asks for it; where no registry can be reached
these tests are passed over.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.authority_files import load_authorities, make_authority
from cloud.cli import app as cloud
from cloud.config import CloudConfig, parse_config
from runtime.clock import SystemClock

ROOT = Path(__file__).parents[2]
HELM = ROOT / "deploy" / "helm"
PYTHON = ROOT / "var" / "helm" / "bin" / "python"
ALL = {
    "http": {"enabled": True},
    "certManager": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "autoscaling": {"enabled": True},
}
SETS: list[dict[str, Any]] = [{}, ALL, {"hostnames": []}, {"replicas": 0}]
LATER = "773faed11831a870"
ROTATED: dict[str, Any] = {"secrets": {"laterAuthorities": {LATER: "leeward-authority-773f"}}}
MISNAMED: dict[str, Any] = {"secrets": {"laterAuthorities": {"../other": "leeward-authority"}}}
IN_VAIN: list[dict[str, Any]] = [
    {"certManager": {"enabled": True}},
    {"serviceMonitor": {"enabled": True}, "metrics": {"enabled": False}},
    {"autoscaling": {"enabled": True}, "metrics": {"enabled": False}},
]

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="Helm's library is not here; `make helm-tools` gets it"
)


def render(sets: list[dict[str, Any]], *options: str) -> dict[str, Any]:
    command = [str(PYTHON), str(HELM / "render.py"), str(HELM / "leeward-gateway"), *options]
    made = subprocess.run(
        command, input=json.dumps(sets), capture_output=True, text=True, check=True, timeout=110
    )
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    return render([*SETS, *IN_VAIN, ROTATED, MISNAMED])


def manifests(rendered: dict[str, Any], at: int) -> dict[str, dict[str, Any]]:
    return {
        f"{one['kind']}/{one['metadata']['name']}": one for one in rendered["made"][at]["manifests"]
    }


def configured(rendered: dict[str, Any], at: int) -> CloudConfig:
    text = manifests(rendered, at)["ConfigMap/gw"]["data"]["cloud.yaml"]
    return parse_config(text, base=Path("/etc/leeward"))


def test_helm_and_the_schemas_of_kubernetes_find_nothing(rendered: dict[str, Any]) -> None:
    assert rendered["lint"] == []
    assert [one["error"] for one in rendered["made"][:2]] == ["", ""]
    assert [one["invalid"] for one in rendered["made"][:2]] == [[], []]


def test_values_that_cannot_work_are_refused_by_name(rendered: dict[str, Any]) -> None:
    assert "/hostnames" in rendered["made"][2]["error"]
    assert "/replicas" in rendered["made"][3]["error"]


def test_wishes_that_would_be_passed_over_are_refused(rendered: dict[str, Any]) -> None:
    errors = [one["error"] for one in rendered["made"][len(SETS) :][: len(IN_VAIN)]]

    for error, needed in zip(errors, ("http", "metrics", "metrics"), strict=True):
        assert f"set {needed}.enabled" in error


@pytest.mark.long
def test_custom_resources_are_as_their_definitions_say() -> None:
    misspelt = {**ALL, "certManager": {"enabled": True, "issuer": {"kynd": "Issuer"}}}
    too_vague = {**ALL, "serviceMonitor": {"enabled": True, "interval": "now and then"}}

    right, unknown, wrong = render([ALL, misspelt, too_vague], "custom")["made"]

    assert right["invalid"] == []
    assert "Certificate" in "".join(unknown["invalid"])
    assert "interval" in "".join(wrong["invalid"])


@pytest.mark.parametrize("at", [0, 1])
def test_the_gateway_reads_the_configuration_as_meant(rendered: dict[str, Any], at: int) -> None:
    config = configured(rendered, at)

    assert config.database.is_shared
    assert config.hostnames[0] == "gateway.example.org"
    assert (config.http is not None) == bool(at)
    assert config.metrics is not None
    assert config.metrics.token_file is not None


def test_every_option_brings_its_manifest(rendered: dict[str, Any]) -> None:
    plain, full = manifests(rendered, 0), manifests(rendered, 1)

    assert set(full) - set(plain) == {
        "Certificate/gw-http",
        "HorizontalPodAutoscaler/gw",
        "ServiceMonitor/gw",
    }
    assert {"NetworkPolicy/gw", "PodDisruptionBudget/gw", "Deployment/gw"} <= set(plain)


def test_a_pod_may_do_no_more_than_it_must_and_probes_speak_grpc(rendered: dict[str, Any]) -> None:
    pod = manifests(rendered, 1)["Deployment/gw"]["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in containers:
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
    gateway = pod["containers"][0]
    probe = gateway["readinessProbe"]["exec"]["command"]
    assert probe[1:3] == ["cloud", "status"]
    assert CliRunner().invoke(cloud, [*probe[2:3], "--help"]).exit_code == 0
    mounted = {mount["mountPath"] for mount in gateway["volumeMounts"]}
    assert {"/run/leeward/database", "/run/leeward/tls", "/run/leeward/metrics"} <= mounted


def test_secrets_are_named_and_never_written(rendered: dict[str, Any]) -> None:
    assert not any(name.startswith("Secret/") for name in manifests(rendered, 1))


def test_the_replicas_ports_are_those_that_are_served_and_let_in(rendered: dict[str, Any]) -> None:
    full = manifests(rendered, 1)
    ports = full["Deployment/gw"]["spec"]["template"]["spec"]["containers"][0]["ports"]
    numbers = {port["name"]: port["containerPort"] for port in ports}
    rules = full["NetworkPolicy/gw"]["spec"]["ingress"]
    config = configured(rendered, 1)

    listens = (config.listen, config.enrolment)
    assert tuple(f"0.0.0.0:{numbers[name]}" for name in ("devices", "enrolment")) == listens
    assert {port["port"] for rule in rules for port in rule["ports"]} == set(numbers)
    assert all("from" in rule for rule in rules if {"port": "metrics"} in rule["ports"])


def test_an_authority_that_was_rotated_lies_in_its_folder(
    rendered: dict[str, Any], tmp_path: Path
) -> None:
    pod = manifests(rendered, -2)["Deployment/gw"]["spec"]["template"]["spec"]
    init = pod["initContainers"][0]
    (first, later), state = (tmp_path / name for name in ("first", "later")), tmp_path / "state"
    for directory in (first, later):
        make_authority(directory, clock=SystemClock(), is_first=True)
    places = {"/run/leeward/authority/": f"{first}/", "/var/lib/leeward/state": str(state)}
    script = init["args"][0].replace(f"/run/leeward/authority-{LATER}", str(later))
    for mounted, here in places.items():
        script = script.replace(mounted, here)

    subprocess.run([*init["command"], script], check=True, timeout=10)

    assert len(load_authorities(None, state / "authority", clock=SystemClock())) == 2
    assert (state / "authority" / LATER / "ca-key.pem").stat().st_mode & 0o777 == 0o600
    secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert {"leeward-authority", "leeward-authority-773f"} <= secrets
    mounts = {mount["name"]: mount["mountPath"] for mount in init["volumeMounts"]}
    assert mounts[f"authority-{LATER}"] == f"/run/leeward/authority-{LATER}"
    assert "'../other' does not match" in rendered["made"][-1]["error"]
