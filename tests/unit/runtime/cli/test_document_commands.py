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


def copied(directory: Path) -> Path:
    """A shipped graph where its signature can be written beside it."""
    file = directory / "graph.yaml"
    file.write_bytes(Path(GRAPH).read_bytes())
    return file


def test_graph_sign_makes_a_key_and_signs_what_graph_check_then_accepts(tmp_path: Path) -> None:
    file = copied(tmp_path)

    signed = leeward("graph", "sign", str(file), "--key", str(tmp_path / "key.pem"))
    again = leeward_json("graph", "sign", str(file), "--key", str(tmp_path / "key.pem"))
    checked = leeward("graph", "check", str(file), "--signer", str(tmp_path / "key.pub.pem"))

    assert "key.pub.pem" in " ".join(signed.split())
    assert again == {"signatures": [f"{file}.sig"], "key_made": False}
    assert ", signed by " in checked
    assert "nobody compared" not in " ".join(checked.split())


def test_graph_check_says_who_signed_and_where_it_came_from(tmp_path: Path) -> None:
    file = copied(tmp_path)
    leeward("graph", "sign", str(file), "--key", str(tmp_path / "key.pem"))

    (found,) = json.loads(leeward("graph", "check", str(file), "--json"))["graphs"]
    (unsigned,) = json.loads(leeward("graph", "check", GRAPH, "--json"))["graphs"]
    text = leeward("graph", "check", str(file))

    signature = json.loads((tmp_path / "graph.yaml.sig").read_text())
    assert found["signed_by"] == signature["public_key"]
    assert found["provenance"] == signature["provenance"]
    assert (unsigned["signed_by"], unsigned["provenance"]) == (None, None)
    assert "nobody compared" in " ".join(text.split())


def test_graph_check_refuses_another_signer_a_missing_and_a_broken_signature(
    tmp_path: Path,
) -> None:
    file = copied(tmp_path)
    for name in ("one", "two"):
        leeward("graph", "sign", str(file), "--key", str(tmp_path / f"{name}.pem"))
    one, two = (str(tmp_path / f"{name}.pub.pem") for name in ("one", "two"))

    stranger = leeward("graph", "check", str(file), "--signer", one, code=18)
    either = leeward("graph", "check", str(file), "--signer", one, "--signer", two)
    file.write_text(file.read_text().replace("samples: 3", "samples: 4"))
    changed = leeward("graph", "check", str(file), code=18)
    unsigned = leeward("graph", "check", GRAPH, "--signer", one, code=18)

    assert "nobody who may sign here" in stranger
    assert ": ok, " in either
    assert "another graph than graph.yaml holds now" in changed
    assert "is not signed" in unsigned
    assert all(text.count("\n") == 1 for text in (stranger, changed, unsigned))


def test_graph_sign_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    output = leeward("graph", "sign", GRAPH, "--key", str(tmp_path / "file" / "key.pem"), code=15)

    assert output.startswith(f"error: {tmp_path}/file")
    assert output.count("\n") == 1


def test_graph_check_refuses_a_signer_that_is_no_public_key(tmp_path: Path) -> None:
    output = leeward("graph", "check", GRAPH, "--signer", GRAPH, code=14)

    assert output == f"error: {GRAPH}: must hold one Ed25519 public key, PEM\n"


def test_graph_show_as_json_is_a_document_with_the_same_hash() -> None:
    document = leeward_json("graph", "show", GRAPH)

    assert graph_hash(graph_from_data(document)) == graph_hash(load_graph(Path(GRAPH)))


def test_a_pattern_is_written_out_and_a_model_that_was_not_named_is_asked_for() -> None:
    whole = runner.invoke(app, ["graph", "pattern", "cross-check", "--near", "n", "--far", "f"])
    half = runner.invoke(app, ["graph", "pattern", "cross-check", "--near", "n"])

    assert (whole.stderr, half.stderr) == ("", "note: no model is named for --far\n")
    assert "model: n}" in half.stdout


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


def test_policy_show_and_explain_say_that_surrogates_are_written(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"{Path(POLICY).read_text()}\nplaceholders: surrogates\n")

    assert "placeholders: surrogates" in leeward("policy", "show", str(policy))
    assert "writes surrogates" in leeward("policy", "explain", str(policy), "--text", "Hi")
    assert "surrogates" not in leeward("policy", "explain", POLICY, "--text", "Hi")


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


def test_policy_sign_vouches_for_what_policy_check_then_accepts(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(Path(POLICY).read_bytes())
    signer = str(tmp_path / "key.pub.pem")

    signed = leeward_json("policy", "sign", str(file), "--key", str(tmp_path / "key.pem"))
    checked = leeward("policy", "check", str(file), "--signer", signer)
    found = leeward_json("policy", "check", str(file))
    file.write_text(file.read_text().replace("cloud: internal", "cloud: restricted"))

    assert signed == {"signature": f"{file}.sig", "key_made": True}
    assert ", signed by " in checked
    assert found["signed_by"] in checked
    assert "another policy" in leeward("policy", "check", str(file), code=18)
    assert "is not signed" in leeward("policy", "check", POLICY, "--signer", signer, code=18)
