"""The protos keep the rules of buf.yaml, and one service stands in one file."""

import importlib
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor

ROOT = Path(__file__).resolve().parents[2]
BUF = Path(sysconfig.get_path("scripts")) / "buf"
FILES = sorted(path.stem for path in (ROOT / "protos/leeward/v1").glob("*.proto"))
SERVICES = {
    "admin": "Admin",
    "collaboration": "Collaboration",
    "enrolment": "Enrolment",
    "fleet": "Fleet",
    "inference": "Inference",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BUF), "lint"], cwd=folder, capture_output=True, text=True, check=False
    )


def descriptor(name: str) -> FileDescriptor:
    module = importlib.import_module(f"leeward.v1.{name}_pb2")
    found: FileDescriptor = module.DESCRIPTOR
    return found


def test_the_contract_passes_buf_lint() -> None:
    linted = lint(ROOT)

    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("line", "planted", "rule"),
    [
        (
            "  // The text of the turn, UTF-8; may be empty.\n",
            "",
            "should have a non-empty comment",
        ),
        ("CHAT_ROLE_UNSPECIFIED", "CHAT_ROLE_NONE", "_UNSPECIFIED"),
        ("tool_call_id", "toolCallId", "lower_snake_case"),
    ],
)
def test_buf_lint_bites(tmp_path: Path, line: str, planted: str, rule: str) -> None:
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "protos/leeward", tmp_path / "protos/leeward")
    chat = tmp_path / "protos/leeward/v1/chat.proto"
    chat.write_text(chat.read_text().replace(line, planted))

    linted = lint(tmp_path)

    assert linted.returncode != 0
    assert rule in linted.stdout


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_the_one_service_that_it_is_named_after(name: str) -> None:
    services = list(descriptor(name).services_by_name)

    assert services == ([SERVICES[name]] if name in SERVICES else [])


def test_every_service_of_the_design_is_in_the_contract() -> None:
    methods = {
        service: sorted(descriptor(name).services_by_name[service].methods_by_name)
        for name, service in SERVICES.items()
    }

    assert methods == {
        "Admin": [
            "DecideApproval",
            "ExportLedger",
            "GetStatus",
            "GiveFeedback",
            "ListApprovals",
            "ListQueued",
            "LoadModel",
            "PullModel",
            "UnloadModel",
        ],
        "Collaboration": ["CancelQueued", "GetQueued", "Plan", "Run"],
        "Enrolment": ["Enroll", "GetNonce", "Recover"],
        "Fleet": ["Renew", "Sync"],
        "Inference": ["Embed", "Generate", "ListModels"],
    }
