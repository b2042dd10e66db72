"""``leeward policy``: check, show, explain, schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.cli.policy_cases import ModelOption, run_cases
from runtime.cli.policy_sign import sign_policy
from runtime.documents.document import dotted
from runtime.documents.reader import read_document
from runtime.errors import PolicyInvalid, RequestInvalid
from runtime.identity.policy_signature import load_signed_policy
from runtime.identity.signing_keys import load_signer
from runtime.ids import Category, NodeName
from runtime.labels import Label
from runtime.policy.check import Finding, check_policy
from runtime.policy.document import dump_policy, load_policy, policy_hash, policy_schema
from runtime.policy.explain import Passage, is_refused, passage_to
from runtime.policy.model import PlaceholderStyle, Policy, Zone
from runtime.sentinel.categories import KINDS, ON_REQUEST
from runtime.sentinel.commonplaces import may_pass
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Scan, Sentinel
from runtime.sentinel.tagger.choice import BUILT_IN_NAME, model_folder

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Check policies, and see what they decide.")

app.command("test")(run_cases)
app.command("sign")(sign_policy)

PolicyFile = Annotated[Path, typer.Argument(help="Policy document, YAML or JSON.")]
_ZONES: tuple[Zone, ...] = ("edge", "cloud")


@app.command()
def check(
    file: PolicyFile,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
    signer: Annotated[
        list[Path] | None, typer.Option(help="Public key (PEM) of one who may sign it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a policy: contradictions are refused, rules that can never matter are warned of."""

    def work() -> None:
        signers = [load_signer(path, field="--signer") for path in signer or ()] or None
        policy, signature = load_signed_policy(file, signers=signers)
        findings = [*check_policy(policy), *_unlisted_categories(policy)]
        document = read_document(file, error=PolicyInvalid)
        places = [(document.line_of(finding.path), finding) for finding in findings]
        data = {
            "file": str(file),
            "hash": policy_hash(policy),
            "revision": policy.revision,
            "signed_by": signature.public_key if signature else None,
            "findings": [
                {
                    "severity": finding.severity,
                    "line": line,
                    "field": dotted(finding.path),
                    "reason": finding.reason,
                }
                for line, finding in places
            ],
        }
        lines = [
            f"{file}:{line}: {finding.severity}: {dotted(finding.path)}: {finding.reason}"
            for line, finding in places
        ]
        doubt = "" if signers else " (a key that nobody compared; --signer does)"
        signed = f", signed by {signature.public_key}{doubt}" if signature else ""
        show(data, *lines, f"{file}: ok, warnings {len(findings)}{signed}", as_json=as_json)
        if strict and findings:
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


@app.command("show")
def show_policy(file: PolicyFile, *, as_json: JsonOption = False) -> None:
    """Show for every category where it may go, and after which release."""

    def work() -> None:
        policy = load_policy(file)
        places = _places(policy)
        rows = [
            (
                category,
                level.name.lower(),
                *(
                    _passage_text(passage_to(policy, Label.of(category), node=node, zone=zone))
                    for node, zone in places
                ),
            )
            for category, level in policy.categories.items()
        ]
        headings = ("category", "level", *(f"to {node}" for node, _ in places))
        unsure = policy.when_unsure
        notes = (
            f"\nunsure content: {'refused' if unsure.refuse else unsure.level.name.lower()}; "
            f"cloud away: {policy.cloud_away.value.replace('_', ' ')}; "
            f"placeholders: {policy.placeholders.value}; "
            f"hash {policy_hash(policy)[:12]}"
        )
        show(dump_policy(policy), make_table(headings, rows), notes, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def explain(
    file: PolicyFile,
    *,
    text: Annotated[str, typer.Option(help="Text to judge; `-` reads it from stdin.")],
    declare: Annotated[
        list[str] | None, typer.Option(help="A category that the application adds.")
    ] = None,
    model: ModelOption = BUILT_IN_NAME,
    as_json: JsonOption = False,
) -> None:
    """Say what the detectors find in a text and where the policy lets it go."""

    def work() -> None:
        policy = load_policy(file)
        content = sys.stdin.read() if text == "-" else text
        if not content.strip():
            raise RequestInvalid("there is no text to judge; give --text, or text on stdin")
        folder = model_folder(model, Path.cwd())
        detectors = default_detectors(model=folder, asked=policy.categories)
        sentinel = Sentinel(detectors, passes_commonplaces=may_pass(policy))
        scan = sentinel.scan_now(content)
        label = scan.label.join(Label.of(*(declare or ())))
        passages = {
            node: passage_to(policy, label, node=node, zone=zone) for node, zone in _places(policy)
        }
        data = {
            "label": list(label.names()),
            "level": policy.level_of(label).name.lower(),
            "refused": is_refused(policy, label),
            "detectors_failed": list(scan.failed),
            "spans": _spans_data(scan),
            "passages": {node: _passage_data(passage) for node, passage in passages.items()},
            "placeholders": policy.placeholders.value,
        }
        rows = [
            (
                span.kind,
                span.category,
                policy.level_of_category(span.category).name.lower(),
                f"{span.start}-{span.end}",
                content[span.start : span.end],
            )
            for span in scan.spans
        ]
        headings = ("kind", "category", "level", "characters", "text")
        verdicts = [f"{node}: {_passage_text(passage)}" for node, passage in passages.items()]
        if policy.placeholders is PlaceholderStyle.SURROGATES:
            verdicts.append("redact writes surrogates where a kind has any, tags elsewhere")
        if is_refused(policy, label):
            verdicts = ["refused: the policy does not serve what it cannot judge"]
        summary = f"label {label}, level {policy.level_of(label).name.lower()}"
        failed = [f"failed detectors: {', '.join(scan.failed)}"] if scan.failed else []
        table = [make_table(headings, rows), ""] if rows else ["nothing sensitive found\n"]
        show(data, *table, *failed, summary, *verdicts, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def schema(*, as_json: JsonOption = False) -> None:
    """Print the JSON schema of policy documents, for editors; always JSON."""
    run_command(lambda: typer.echo(json.dumps(policy_schema(), indent=2)), as_json=as_json)


def _places(policy: Policy) -> list[tuple[NodeName, Zone]]:
    """Both zones, and the nodes that have a clearance of their own, taken to be in the cloud."""
    zones = [(NodeName(zone), zone) for zone in _ZONES]
    nodes: list[tuple[NodeName, Zone]] = [
        (NodeName(name), "cloud") for name in policy.clearance if name not in _ZONES
    ]
    return [*zones, *nodes]


def _unlisted_categories(policy: Policy) -> list[Finding]:
    """Warn of what the shipped detectors find and the policy does not list.

    Quasi-identifiers and topics are looked for where a policy lists them: never missing.
    """
    missing = sorted(set(KINDS.values()) - ON_REQUEST - set(policy.categories))
    level = "refused" if policy.when_unsure.refuse else policy.when_unsure.level.name.lower()
    return [
        Finding(
            "warning",
            ("categories",),
            f'does not list "{category}", which the detectors find; it counts as unsure: {level}',
        )
        for category in missing
    ]


def _spans_data(scan: Scan) -> list[dict[str, object]]:
    return [
        {"kind": span.kind, "category": span.category, "start": span.start, "end": span.end}
        for span in scan.spans
    ]


def _passage_data(passage: Passage) -> dict[str, object]:
    return {
        "open": passage.is_open,
        "clearance": passage.clearance.name.lower(),
        "releases": [
            {"by": kind.value, "categories": sorted(categories)}
            for kind, categories in passage.releases
        ],
        "blocked_by": sorted(passage.blocked_by),
    }


def _passage_text(passage: Passage) -> str:
    if passage.blocked_by:
        return f"never: {_names(passage.blocked_by)} is above {passage.clearance.name.lower()}"
    if not passage.releases:
        return "as it is"
    return "after " + " and ".join(
        f"{kind.value} of {_names(categories)}" for kind, categories in passage.releases
    )


def _names(categories: frozenset[Category]) -> str:
    return ", ".join(sorted(categories))
