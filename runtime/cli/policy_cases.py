"""``leeward policy test``: whether a policy does what a table of cases expects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.errors import RequestInvalid
from runtime.labels import Label
from runtime.policy.cases import Case, Cases, Difference, compare, load_cases
from runtime.policy.document import load_policy, policy_hash
from runtime.policy.model import Policy
from runtime.sentinel.commonplaces import may_pass
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import terms_of
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.tagger.choice import BUILT_IN_NAME, model_folder

__all__ = ["ModelOption", "run_cases"]

ModelOption = Annotated[
    str, typer.Option(help="What reads beside the patterns: builtin, none, or a folder.")
]
"""Which model judges the text of a command, beside the patterns."""


@dataclass(frozen=True, slots=True)
class _Result:
    case: Case
    label: Label
    differences: list[Difference]
    failed: tuple[str, ...]


def run_cases(
    files: Annotated[
        list[Path], typer.Argument(metavar="CASES...", help="Cases (policy-cases/v1).")
    ],
    *,
    policy: Annotated[
        Path | None, typer.Option(help="Policy to test, in place of the one that CASES name.")
    ] = None,
    model: ModelOption = BUILT_IN_NAME,
    every: Annotated[bool, typer.Option("--all", help="List cases that hold as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run texts through detectors and policy, and compare what comes with what is expected."""

    def work() -> None:
        runs = [_run(file, policy, model) for file in files]
        results = [(file, item) for file, _, items in runs for item in items]
        wrong = [(file, item) for file, item in results if item.differences or item.failed]
        data = {
            "cases": len(results),
            "failed": len(wrong),
            "policies": sorted({policy_hash(tested) for _, tested, _ in runs}),
            "results": [_data(file, item) for file, item in results],
        }
        rows = [row for file, item in results for row in _rows(file, item, every=every)]
        table = [make_table(("case", "what", "expected", "got"), rows)] if rows else []
        show(data, *table, f"cases {len(results)}, failed {len(wrong)}", as_json=as_json)
        if wrong:
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


def _run(file: Path, other: Path | None, model: str) -> tuple[Path, Policy, list[_Result]]:
    document = load_cases(file)
    path = other or document.policy
    if path is None:
        raise RequestInvalid(f"{file} names no policy; add `policy:` to it, or give --policy")
    tested = load_policy(path)
    sentinel = _sentinel(document, tested, model)
    return file, tested, [_result(case, tested, sentinel) for case in document.cases]


def _sentinel(document: Cases, policy: Policy, model: str) -> Sentinel:
    folder = model_folder(model, Path.cwd())
    terms = terms_of(document.dictionaries)
    detectors = default_detectors(dictionary=terms, model=folder, asked=policy.categories)
    return Sentinel(detectors, passes_commonplaces=may_pass(policy))


def _result(case: Case, policy: Policy, sentinel: Sentinel) -> _Result:
    scan = sentinel.scan_now(case.text)
    label = scan.label.join(case.declared)
    return _Result(case, label, compare(case, label, policy), scan.failed)


def _data(file: Path, result: _Result) -> dict[str, object]:
    return {
        "file": str(file),
        "case": result.case.name,
        "holds": not result.differences and not result.failed,
        "label": list(result.label.names()),
        "detectors_failed": list(result.failed),
        "differences": [
            {"what": item.what, "expected": item.expected, "got": item.got}
            for item in result.differences
        ],
    }


def _rows(file: Path, result: _Result, *, every: bool) -> list[tuple[str, str, str, str]]:
    name = f"{file.name}: {result.case.name}"
    rows = [(name, item.what, item.expected, item.got) for item in result.differences]
    if result.failed:
        rows.append((name, "detectors", "none failed", ", ".join(result.failed)))
    return rows or ([(name, "holds", "", "")] if every else [])
