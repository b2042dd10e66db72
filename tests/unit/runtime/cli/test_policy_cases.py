"""``leeward policy test``, run as a user runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app

DEPLOY = Path(__file__).parents[4] / "deploy"
SHIPPED = DEPLOY / "policies" / "clinic.cases.yaml"
POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person], to: cloud, by: redact}]
when_unsure: refuse
"""
HEAD = "leeward: policy-cases/v1\npolicy: p.yaml\ncases:\n"


def leeward(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["policy", "test", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def cases(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "p.yaml").write_text(POLICY)
    file = tmp_path / "cases.yaml"
    file.write_text(HEAD + "".join(f"  - {line}\n" for line in lines))
    return str(file)


def test_the_shipped_policy_does_what_its_cases_say() -> None:
    output = leeward(str(SHIPPED))

    assert output.strip().endswith("failed 0")


@pytest.mark.parametrize(
    ("expect", "what", "got"),
    [
        ("{categories: [person]}", "categories", "contact, person"),
        ("{level: public}", "level", "confidential"),
        ("{passes: as_it_is}", "passes", "never"),
        ("{releases: [redact, approval]}", "releases", "redact"),
        ("{refused: true}", "refused", "no"),
        ("{to: edge, passes: never}", "passes", "as_it_is"),
    ],
)
def test_every_expectation_that_does_not_hold_is_shown(
    tmp_path: Path, expect: str, what: str, got: str
) -> None:
    text = "Mr. Omar Nagy: o.nagy@example.org"
    file = cases(tmp_path, f"{{name: one, text: '{text}', expect: {expect}}}")

    found = json.loads(leeward(file, "--json", code=3))
    table = leeward(file, code=3)

    (difference,) = found["results"][0]["differences"]
    assert (difference["what"], difference["got"]) == (what, got)
    assert (found["cases"], found["failed"]) == (1, 1)
    assert got in table
    assert text not in table


def test_what_holds_holds_and_another_policy_may_be_tested(tmp_path: Path) -> None:
    file = cases(
        tmp_path,
        "{name: a, text: 'Mr. Omar Nagy', expect: {passes: after_release, releases: [redact]}}",
        "{name: b, text: 'one bed', declare: [shoes], expect: {refused: true, passes: never}}",
    )
    other = tmp_path / "other.yaml"
    other.write_text(
        POLICY.replace("releases: [{categories: [person], to: cloud, by: redact}]", "")
    )

    assert "cases.yaml: a" not in leeward(file)
    assert "cases.yaml: a" in leeward(file, "--all")
    assert "never" in leeward(file, "--policy", str(other), code=3)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{name: a, text: b, expect: {}}", "must expect something"),
        ("{name: a, text: b, expect: {to: edge}}", "must expect something"),
        ("{name: a, text: b, expect: {passes: perhaps}}", "cases.0.expect.passes"),
        ("{name: a, text: b}", "cases.0"),
    ],
)
def test_cases_that_say_nothing_are_refused_with_their_place(
    tmp_path: Path, line: str, says: str
) -> None:
    output = leeward(cases(tmp_path, line), code=12)

    assert "cases.yaml:4: " in output
    assert says in output


def test_two_cases_of_one_name_and_a_missing_policy_are_refused(tmp_path: Path) -> None:
    line = "{name: a, text: b, expect: {level: public}}"

    assert "an earlier case" in leeward(cases(tmp_path, line, line), code=12)
    nameless = tmp_path / "nameless.yaml"
    nameless.write_text(f"leeward: policy-cases/v1\ncases:\n  - {line}\n")
    assert "give --policy" in leeward(str(nameless), code=15)
