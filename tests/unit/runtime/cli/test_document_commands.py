"""The graph, policy and catalog groups, run as a user runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from runtime.graph.document import graph_from_data, load_graph
from runtime.graph.hash import graph_hash

DEPLOY = Path(__file__).parents[4] / "deploy"
GRAPH = str(DEPLOY / "graphs" / "ask-far-when-unsure.yaml")
POLICY = str(DEPLOY / "policies" / "clinic.yaml")
CATALOG = str(DEPLOY / "catalogs" / "reference.yaml")
runner = CliRunner()


def leeward(*arguments: str, code: int = 0, stdin: str | None = None) -> str:
    result = runner.invoke(app, arguments, input=stdin)
    assert result.exit_code == code, result.output
    return result.output


def leeward_json(*arguments: str, code: int = 0) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(leeward(*arguments, "--json", code=code))
    return parsed


def test_graph_check_takes_several_files() -> None:
    files = [str(path) for path in sorted((DEPLOY / "graphs").glob("*.yaml"))]

    output = leeward("graph", "check", *files)

    assert len(output.splitlines()) == len(files)


def test_graph_check_refuses_with_file_line_and_reason(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("leeward: graph/v1\nname: g\nsteps: {a: {role: fusr}}")

    output = leeward("graph", "check", str(bad), code=11)

    assert output.strip() == (
        f'error: {bad}:3: steps.a.role: "fusr" is not one of assistant, fuser, guide, divider, '
        'verifier, guard, router; did you mean "fuser"?'
    )


def test_graph_check_of_nothing_there_is_one_line() -> None:
    output = leeward("graph", "check", "absent.yaml", code=11)

    assert output == "error: absent.yaml: cannot be read: no such file or directory\n"


def test_graph_show_as_json_is_a_document_with_the_same_hash() -> None:
    document = leeward_json("graph", "show", GRAPH)

    assert graph_hash(graph_from_data(document)) == graph_hash(load_graph(Path(GRAPH)))


def test_graph_show_draws() -> None:
    assert "=> answer" in leeward("graph", "show", GRAPH)
    assert leeward("graph", "show", GRAPH, "--as", "mermaid").startswith("flowchart LR\n")


def test_graph_hash_is_one_word() -> None:
    assert leeward("graph", "hash", GRAPH).strip() == graph_hash(load_graph(Path(GRAPH)))


@pytest.mark.parametrize("group", ["graph", "policy", "catalog"])
def test_schemas_are_json(group: str) -> None:
    schema = leeward_json(group, "schema")

    assert schema["type"] == "object"
    assert json.loads(leeward(group, "schema")) == schema


def test_policy_check_of_the_example_finds_nothing() -> None:
    assert leeward_json("policy", "check", POLICY, "--strict")["findings"] == []


def test_policy_check_warns_with_lines_and_strict_makes_it_fail(tmp_path: Path) -> None:
    loose = tmp_path / "loose.yaml"
    loose.write_text(
        Path(POLICY).read_text().replace("when_unsure: restricted", "when_unsure: public")
    )
    line = loose.read_text().split("when_unsure:")[0].count("\n") + 1

    output = leeward("policy", "check", str(loose))

    assert f"{loose}:{line}: warning: when_unsure: is public" in output
    leeward("policy", "check", str(loose), "--strict", code=3)


def test_policy_check_names_categories_that_detectors_find(tmp_path: Path) -> None:
    short = tmp_path / "short.yaml"
    short.write_text(
        "leeward: policy/v1\ncategories: {}\nclearance: {edge: restricted, cloud: public}"
    )

    findings = leeward_json("policy", "check", str(short))["findings"]

    assert any("health" in finding["reason"] for finding in findings)  # type: ignore[index,attr-defined]


def test_policy_show_says_where_each_category_may_go() -> None:
    output = leeward("policy", "show", POLICY)

    rows = {line.split()[0]: line for line in output.splitlines() if line.strip()}
    assert "after redact of person" in rows["person"]
    assert "after approval of health" in rows["health"]
    assert "never" in rows["secret"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("What is two and two?", "cloud: as it is"),
        ("Write to anna@example.com", "cloud: after redact of contact"),
        ("password: hunter2-hunter2", "cloud: never: secret"),
    ],
)
def test_policy_explain_judges_a_text(text: str, verdict: str) -> None:
    assert verdict in leeward("policy", "explain", POLICY, "--text", text)
    assert verdict in leeward("policy", "explain", POLICY, "--text", "-", stdin=text)


def test_policy_explain_takes_declared_categories() -> None:
    explained = leeward_json("policy", "explain", POLICY, "--text", "Hi", "--declare", "unheard_of")

    assert explained["label"] == ["unheard_of"]
    assert explained["level"] == "restricted"


def test_policy_explain_says_when_a_request_would_be_refused(tmp_path: Path) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text(
        Path(POLICY).read_text().replace("when_unsure: restricted", "when_unsure: refuse")
    )

    output = leeward("policy", "explain", str(strict), "--text", "Hi", "--declare", "unheard_of")

    assert "refused: the policy does not serve what it cannot judge" in output


def test_policy_explain_without_text_is_refused() -> None:
    leeward("policy", "explain", POLICY, "--text", "", code=15)


def test_catalog_commands_check_and_show() -> None:
    assert leeward_json("catalog", "check", CATALOG)["models"] == 2
    assert "0.15 / 0.6" in leeward("catalog", "show", CATALOG)


def test_a_document_of_another_kind_is_refused_by_each_group() -> None:
    leeward("policy", "check", GRAPH, code=12)
    leeward("catalog", "check", GRAPH, code=13)
    leeward("graph", "check", POLICY, code=11)
