"""Example configurations load together, and compose starts what exists, hardened."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cloud.config import load_config as load_cloud_config
from edge.config import load_config as load_edge_config
from edge.documents import load_documents
from runtime.cli.main import app
from runtime.ids import NodeName

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLES = DEPLOY / "examples"
COMPOSE = DEPLOY / "compose"
SERVICES: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
LEEWARD = "/opt/leeward/bin/leeward"


@pytest.fixture(params=["examples", "compose"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What README.md puts into /etc/leeward."""
    folder = DEPLOY / request.param
    for role in ("edge", "cloud"):
        shutil.copy(folder / f"{role}.yaml", tmp_path)
    shutil.copy(EXAMPLES / "catalog.yaml", tmp_path)
    shutil.copy(DEPLOY / "policies" / "clinic.yaml", tmp_path / "policy.yaml")
    shutil.copytree(EXAMPLES / "graphs", tmp_path / "graphs")
    return tmp_path


def test_the_edge_s_documents_fit_together(installed: Path) -> None:
    config = load_edge_config(installed / "edge.yaml")
    documents = load_documents(config)

    assert config.default_graph in documents.graphs
    named = {step.model for graph in documents.graphs.values() for step in graph.steps}
    assert named <= {model.name for model in documents.catalog.models}
    served = {model.name for model in config.models}
    at_edge = {m.name for m in documents.catalog.models if m.node == NodeName("edge")}
    assert at_edge == served


def test_the_gateway_serves_what_the_edge_s_catalog_expects(installed: Path) -> None:
    config = load_cloud_config(installed / "cloud.yaml")
    documents = load_documents(load_edge_config(installed / "edge.yaml"))

    in_cloud = {m.name: m for m in documents.catalog.models if m.node == config.name}
    assert {route.model for route in config.routes} == in_cloud.keys()
    for route in config.routes:
        assert route.context_tokens == in_cloud[route.model].context_tokens


def test_the_model_s_name_means_the_file_that_a_pull_stores() -> None:
    (model,) = load_edge_config(EXAMPLES / "edge.yaml").models

    assert model.file == Path("/var/lib/leeward/edge/models/slm-small.gguf")


@pytest.mark.parametrize("role", ["edge", "cloud"])
def test_an_example_keeps_its_state_where_the_unit_makes_it(role: str) -> None:
    load = load_edge_config if role == "edge" else load_cloud_config

    assert load(EXAMPLES / f"{role}.yaml").state == Path(f"/var/lib/leeward/{role}")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    assert not service.keys() & {"privileged", "cap_add", "user", "network_mode", "pid", "devices"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_mounted_and_built_path_exists(name: str) -> None:
    service = SERVICES[name]
    sources = [volume.split(":")[0] for volume in service["volumes"]]
    binds = [source for source in sources if source.startswith(".")]
    volumes = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["volumes"]

    assert [source for source in binds if not (COMPOSE / source).exists()] == []
    assert {source for source in sources if not source.startswith(".")} <= volumes.keys()
    assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_only_the_one_time_steps_see_the_join_token() -> None:
    holders = {n for n, s in SERVICES.items() if any(v.startswith("join:") for v in s["volumes"])}

    assert holders == {"token", "enrol"}
    assert SERVICES["token"]["profiles"] == SERVICES["enrol"]["profiles"] == ["setup"]


def test_the_edge_is_published_to_its_own_host_only() -> None:
    assert SERVICES["edge"]["ports"] == ["127.0.0.1:8450:8450"]


@pytest.mark.parametrize("name", ["gateway", "edge"])
def test_a_daemon_has_a_health_check_and_time_to_stop(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][:2] == ["CMD", LEEWARD]
    assert SERVICES[name]["stop_grace_period"] == "30s"


def commands() -> list[tuple[str, ...]]:
    """Return the first words of every ``leeward`` command in the deploy folder."""
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.suffix in {".md", ".service"}]
    words = [line for text in texts for line in re.findall(r"/bin/leeward ([^`\n]+)", text)]
    found = {tuple(line.split()[:2]) for line in words}
    found |= {
        tuple(map(str, s["healthcheck"]["test"][2:4]))
        for s in SERVICES.values()
        if "healthcheck" in s
    }
    return sorted(found | {("edge", "pull"), ("edge", "enroll"), ("cloud", "token")})


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_that_the_deploy_folder_names_exists(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0, result.output


def test_the_steps_of_the_compose_file_name_services_and_the_profiles_of_those() -> None:
    text = (COMPOSE / "compose.yaml").read_text()
    runs = re.findall(r"^#   docker compose (.*?)run --rm (\S+)", text, re.MULTILINE)
    ups = re.findall(r"^#   docker compose up -d (\S+)$", text, re.MULTILINE)

    assert {name for _, name in runs} | set(ups) == set(SERVICES)
    for options, name in runs:
        assert options.split() == ["--profile", *SERVICES[name]["profiles"]]
    assert not any("profiles" in SERVICES[name] for name in ups)
