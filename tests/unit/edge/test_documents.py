"""Whose graphs a device loads: its signers' where it names some; never a broken signature's."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.config import EdgeConfig, parse_config
from edge.documents import load_documents
from runtime.errors import ConfigInvalid, SignatureInvalid
from runtime.graph.document import load_graph
from runtime.identity.graph_signature import signature_file_of, write_graph_signature
from runtime.identity.signing_keys import load_or_create_key, public_file_of
from runtime.ids import ModelName

CONFIG = """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: g
models:
  small: {file: small.gguf}
"""
SIGNERS = "graph_signers: [key.pub.pem]\n"
FILES = {
    "policy.yaml": (
        "leeward: policy/v1\ncategories: {}\nclearance: {edge: restricted, cloud: public}\n"
    ),
    "catalog.yaml": (
        "leeward: catalog/v1\nnodes: {edge: {zone: edge}, cloud: {zone: cloud}}\n"
        "models: {small: {node: edge}}\n"
    ),
    "graphs/g.yaml": "leeward: graph/v1\nname: g\nsteps: {a: {role: assistant, model: small}}\n",
    "graphs/h.yaml": "leeward: graph/v1\nname: h\nsteps: {a: {role: assistant, model: small}}\n",
}


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A device's directory with two signed graphs."""
    (tmp_path / "graphs").mkdir()
    key, _ = load_or_create_key(tmp_path / "key.pem")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for file in sorted((tmp_path / "graphs").iterdir()):
        write_graph_signature(load_graph(file), file, key=key, provenance={})
    return tmp_path


def config(device: Path, *, signers: str = SIGNERS) -> EdgeConfig:
    return parse_config(CONFIG + signers, base=device, file="edge.yaml")


def test_graphs_that_a_signer_signed_are_loaded(device: Path) -> None:
    documents = load_documents(config(device))

    assert list(documents.graphs) == ["g", "h"]


def test_one_unsigned_graph_among_signed_ones_is_refused_by_name(device: Path) -> None:
    signature_file_of(device / "graphs/h.yaml").unlink()

    with pytest.raises(SignatureInvalid, match=r"h\.yaml: is not signed"):
        load_documents(config(device))


def test_without_signers_unsigned_graphs_are_loaded(device: Path) -> None:
    signature_file_of(device / "graphs/h.yaml").unlink()

    documents = load_documents(config(device, signers=""))

    assert list(documents.graphs) == ["g", "h"]


def test_without_signers_a_signature_that_does_not_fit_is_refused_all_the_same(
    device: Path,
) -> None:
    file = device / "graphs/h.yaml"
    file.write_text(file.read_text().replace("a:", "b:"))

    with pytest.raises(SignatureInvalid, match=r"h\.yaml\.sig:"):
        load_documents(config(device, signers=""))


def test_graphs_of_another_key_are_refused(device: Path) -> None:
    load_or_create_key(device / "other.pem")

    with pytest.raises(SignatureInvalid, match="nobody who may sign"):
        load_documents(config(device, signers="graph_signers: [other.pub.pem]\n"))


def test_one_of_several_signers_is_enough(device: Path) -> None:
    load_or_create_key(device / "other.pem")
    signers = "graph_signers: [other.pub.pem, key.pub.pem]\n"

    documents = load_documents(config(device, signers=signers))

    assert list(documents.graphs) == ["g", "h"]


def test_a_signer_whose_key_is_not_there_is_refused_even_where_nothing_needs_it(
    device: Path,
) -> None:
    public_file_of(device / "key.pem").unlink()

    with pytest.raises(ConfigInvalid, match=r"key\.pub\.pem: graph_signers: cannot be read"):
        load_documents(config(device))


def test_an_empty_list_of_signers_is_refused_rather_than_read_as_none(device: Path) -> None:
    with pytest.raises(ConfigInvalid, match="graph_signers: needs at least 1"):
        config(device, signers="graph_signers: []\n")


def test_a_model_with_an_adapter_is_in_the_catalog_as_its_model_is(device: Path) -> None:
    text = CONFIG.replace("{file: small.gguf}", "{file: small.gguf, adapters: {polite: p.gguf}}")

    documents = load_documents(parse_config(text, base=device, file="edge.yaml"))

    model = documents.catalog.model_by_name[ModelName("small+polite")]
    assert model.node == "edge"


def test_patterns_are_served_that_the_catalog_has_models_for(device: Path) -> None:
    documents = load_documents(config(device))

    assert list(documents.patterns) == ["abstain", "escalate"]
    assert documents.patterns["abstain"].steps[0].model == "small"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("patterns: false\n", []),
        ("patterns: {far: small}\n", ["abstain", "redact-and-restore"]),
    ],
)
def test_the_configuration_says_which_models_patterns_get(device: Path, line, names) -> None:
    documents = load_documents(config(device, signers=line))

    assert [name for name in documents.patterns if name in ("abstain", "redact-and-restore")] == (
        names
    )


def test_a_pattern_gets_no_model_that_the_catalog_lacks(device: Path) -> None:
    with pytest.raises(ConfigInvalid, match='patterns: place "far" gets a model that the cat'):
        load_documents(config(device, signers="patterns: {far: big}\n"))


def test_no_model_of_the_cloud_stands_near(device: Path) -> None:
    catalog = FILES["catalog.yaml"].replace("small:", "large: {node: cloud}, small:")
    (device / "catalog.yaml").write_text(catalog)

    with pytest.raises(ConfigInvalid, match='place "near" is for a model of the edge, and large'):
        load_documents(config(device, signers="patterns: {near: large}\n"))


def test_guards_are_loaded_and_ask_a_model_of_the_device(device: Path) -> None:
    (device / "guards.yaml").write_text("leeward: guards/v1\nguards: {judge: {model: small}}\n")

    documents = load_documents(config(device, signers="guards: guards.yaml\n"))

    assert [guard.name for guard in documents.guards.every] == ["judge"]


def test_a_guard_that_asks_a_model_of_elsewhere_is_refused(device: Path) -> None:
    (device / "guards.yaml").write_text("leeward: guards/v1\nguards: {judge: {model: big}}\n")

    with pytest.raises(ConfigInvalid, match=r'guards\.judge\.model: "big" is not among'):
        load_documents(config(device, signers="guards: guards.yaml\n"))


@pytest.mark.parametrize(
    ("by", "line", "note"),
    [
        (
            "sketch",
            "",
            "note: nobody writes abstracts here (`sketch_model`), so requests with person",
        ),
        ("sketch", "sketch_model: small\n", ""),
        ("redact", "", ""),
    ],
)
def test_the_check_says_which_releases_nobody_can_make(
    device: Path, by: str, line: str, note: str
) -> None:
    policy = (
        "leeward: policy/v1\ncategories: {person: confidential}\n"
        "clearance: {edge: restricted, cloud: public}\n"
        f"releases: [{{categories: [person], to: cloud, by: {by}}}]\n"
    )
    (device / "policy.yaml").write_text(policy)
    (device / "edge.yaml").write_text(CONFIG + line)

    shown = CliRunner().invoke(app, ["check", "--config", str(device / "edge.yaml")])

    assert shown.exit_code == 0
    assert ("note:" in shown.stdout) == bool(note)
    assert note in shown.stdout
