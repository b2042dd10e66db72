"""The edge's configuration: what is read, how mistakes are told, what must fit together."""

from pathlib import Path

import pytest

from edge.config import parse_config
from edge.documents import load_documents
from runtime.errors import ConfigInvalid, DocumentInvalid, GraphInvalid

GOOD = """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: g
models:
  small: {file: small.gguf}
"""
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: public}
"""
CATALOG = """\
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models: {small: {node: edge}, large: {node: cloud, fallback: small}}
"""
GRAPH = "leeward: graph/v1\nname: g\nsteps: {a: {role: assistant, model: large}}\n"


@pytest.mark.parametrize(
    ("change", "to", "line", "words"),
    [
        ("default_graph: g\n", "default_graph: g\nsentinal: {}\n", 6, "sentinel"),
        ("policy: policy.yaml", "polciy: policy.yaml", 2, 'did you mean "policy"'),
        ("small.gguf}", "small.gguf, threads: -1}", 7, "at least 0"),
        ("small.gguf}", "small.gguf, draft: tiny}", 7, "not the name of another model"),
        ("small.gguf}", "small.gguf, draft: small}", 7, "not the name of another model"),
        (
            "small.gguf}",
            "small.gguf, draft: tiny, deterministic: true}\n  tiny: {file: t}",
            7,
            "takes none",
        ),
        ("default_graph: g\n", "default_graph: g\nlisten: 0.0.0.0:7450\n", 6, "loopback"),
        ("default_graph: g\n", "default_graph: g\nhttp: 0.0.0.0:80\n", 6, "http_token_file"),
        (
            "default_graph: g\n",
            "default_graph: g\nidentity_passphrase_credential: ../x\n",
            6,
            "identity_passphrase_credential",
        ),
        (
            "default_graph: g\n",
            "default_graph: g\nidentity_passphrase_credential: x\nidentity_passphrase_file: y\n",
            6,
            "left out",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_reason(
    change: str, to: str, line: int, words: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_config(GOOD.replace(change, to), base=Path(), file="edge.yaml")

    assert str(refused.value).startswith(f"edge.yaml:{line}: ")
    assert words in str(refused.value)


def test_each_adapter_makes_a_model_of_its_own_with_the_same_settings() -> None:
    text = GOOD.replace("small.gguf}", "small.gguf, slots: 3, adapters: {polite: p.gguf}}")

    plain, polite = parse_config(text, base=Path("/x")).models

    assert (plain.name, plain.adapter, plain.base) == ("small", None, None)
    assert (polite.name, polite.adapter) == ("small+polite", Path("/x/p.gguf"))
    assert (polite.file, polite.slots, polite.base) == (plain.file, 3, "small")


def test_tensor_models_have_files_of_their_own() -> None:
    text = GOOD + "tensor_models: {score: {file: score.onnx, threads: 2}}\n"

    (model,) = parse_config(text, base=Path("/x")).tensor_models

    assert (model.name, model.file, model.threads) == ("score", Path("/x/score.onnx"), 2)


def test_a_tensor_model_has_a_name_of_its_own() -> None:
    text = GOOD + "tensor_models: {small: {file: score.onnx}}\n"

    with pytest.raises(ConfigInvalid, match=r"edge\.yaml:8.*name of a language model already"):
        parse_config(text, base=Path(), file="edge.yaml")


def test_an_onnx_file_needs_no_slash_and_a_name_is_a_pulled_model() -> None:
    text = GOOD.replace("small.gguf", "small.onnx")

    (model,) = parse_config(text, base=Path("/x")).models

    assert model.file == Path("/x/small.onnx")


def test_a_draft_is_the_file_of_another_model() -> None:
    text = GOOD.replace("small.gguf}", "small.gguf, draft: tiny}\n  tiny: {file: t.gguf}")

    small, tiny = parse_config(text, base=Path("/etc/leeward")).models

    assert small.draft == tiny.file
    assert tiny.draft is None


def test_an_adapters_name_that_is_taken_is_told_with_its_line() -> None:
    text = GOOD.replace("small.gguf}", "small.gguf, adapters: {a: p.gguf}}\n  small+a: {file: b}")

    with pytest.raises(ConfigInvalid, match="another model") as refused:
        parse_config(text, base=Path(), file="edge.yaml")

    assert str(refused.value).startswith("edge.yaml:7: ")


def test_beyond_loopback_is_allowed_with_a_token_file() -> None:
    text = GOOD + "http: 0.0.0.0:80\nhttp_token_file: token\n"

    assert parse_config(text, base=Path("/x")).http_token_file == Path("/x/token")


def write(folder: Path, **changes: str) -> None:
    files = {"policy.yaml": POLICY, "catalog.yaml": CATALOG, "graphs/g.yaml": GRAPH}
    (folder / "graphs").mkdir()
    for name, text in (files | changes).items():
        (folder / name).write_text(text)


def test_documents_that_fit_are_loaded(tmp_path: Path) -> None:
    write(tmp_path)

    documents = load_documents(parse_config(GOOD, base=tmp_path))

    assert list(documents.graphs) == ["g"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("catalog.yaml", CATALOG.replace("small: {node: edge}", "tiny: {node: edge}")
         .replace("fallback: small", "fallback: tiny"), "small"),
        ("catalog.yaml", CATALOG.replace("cloud: {zone: cloud}", "cloud: {zone: edge}"), "cloud"),
        ("catalog.yaml", CATALOG.replace("small: {node: edge}",
                                         "small: {node: edge}, other: {node: edge}"), "other"),
        ("graphs/g.yaml", GRAPH.replace("large", "nobody"), "nobody"),
        ("graphs/g.yaml", GRAPH.replace("name: g", "name: h"), "default_graph"),
        ("policy.yaml", "leeward: policy/v1\n", "policy.yaml"),
    ],
)  # fmt: skip
def test_documents_that_do_not_fit_are_refused_before_anything_starts(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    write(tmp_path, **{name: text})

    with pytest.raises(DocumentInvalid, match=words):
        load_documents(parse_config(GOOD, base=tmp_path))


def test_two_graphs_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"graphs/again.yaml": GRAPH})

    with pytest.raises(GraphInvalid, match="another file"):
        load_documents(parse_config(GOOD, base=tmp_path))
