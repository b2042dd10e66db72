"""What a person sees of a run, on a narrow terminal."""

from io import StringIO

from rich.console import Console

from runtime.cli.run_view import RunOutcome, show_changes, show_receipt
from runtime.executor.events import StepFellBack, StepSkipped
from runtime.ids import ModelName, NodeName, StepId

STEP = {
    "step": "far",
    "node": "cloud",
    "zone": "cloud",
    "model": "gannet-m",
    "form": "released",
    "label": [],
    "usage": {
        "prompt_tokens": 34,
        "completion_tokens": 23,
        "estimated": True,
        "cost_usd": 18.9e-6,
    },
    "first_token_s": 0.19,
    "latency_s": 0.212,
    "calls": 3,
    "ledger_positions": [3],
}
RECEIPT = {
    "request_id": "0123456789abcdef",
    "label": ["person"],
    "steps": [STEP],
    "releases": [{"by": "redact", "categories": ["person"], "spans": 1}],
    "left_the_edge": True,
    "latency_s": 0.3,
    "cost_usd": 18.9e-6,
    "usage": {"prompt_tokens": 34, "completion_tokens": 23},
}


def shown(draw: object) -> str:
    console = Console(file=StringIO(), width=80)
    draw(console)  # type: ignore[operator]
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_receipt_fits_eighty_columns_and_says_everything() -> None:
    text = shown(lambda console: show_receipt(console, RECEIPT))

    row = next(line for line in text.splitlines() if "gannet-m" in line)
    for part in ("far x3", "cloud", "released {}", "~34+23", "190/212", "18.9 u$", "#3"):
        assert part in row
    assert "released  redact {person}, 1 span" in text
    assert "content left the edge" in text


def test_a_receipt_names_who_approved() -> None:
    approval = {"by": "approval", "categories": ["health"], "spans": 0, "approver": "dr.may"}

    text = shown(lambda console: show_receipt(console, RECEIPT | {"releases": [approval]}))

    assert "released  approval {health} by dr.may" in text


def test_what_happened_on_the_way_is_told() -> None:
    outcome = RunOutcome()
    outcome.take(StepFellBack(StepId("far"), "CloudAway", NodeName("edge"), ModelName("tern-s")))
    outcome.take(StepSkipped(StepId("near")))

    text = shown(lambda console: show_changes(console, outcome))

    assert "far: CloudAway, so tern-s on edge" in text
    assert "near: no edge into it fired" in text


def test_what_a_small_model_wrote_is_told() -> None:
    drafted = {"model": "tern-s", "kept_tokens": 18, "written_tokens": 34}

    text = shown(
        lambda console: show_receipt(console, RECEIPT | {"steps": [STEP | {"drafted": drafted}]})
    )

    assert "drafted   far: 18 of 34 tokens of tern-s are in the answer" in text


def test_many_calls_leave_room_for_the_other_columns() -> None:
    many = STEP | {"ledger_positions": list(range(4, 40, 2)), "calls": 18}

    text = shown(lambda console: show_receipt(console, RECEIPT | {"steps": [many]}))

    row = next(line for line in text.splitlines() if "gannet-m" in line)
    assert "far x18" in row
    assert "#4 to #38" in row
