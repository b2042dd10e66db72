"""The committed generated code is what the protos give, and installs with what we require."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
GENERATED = sorted((ROOT / "protos").rglob("*_pb2*.py"))
PROTOBUF_STAMP = re.compile(r"Protobuf Python Version: (\S+)")
GRPC_STAMP = re.compile(r"GRPC_GENERATED_VERSION = '(\S+)'")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "protos/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_code_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "protos/generate.py"), "--check"]

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_every_way_to_be_out_of_date_is_noticed(generate: ModuleType) -> None:
    committed = {"a_pb2.py": b"1", "b_pb2.py": b"1", "c_pb2.py": b"1"}
    fresh = {"b_pb2.py": b"1", "c_pb2.py": b"2", "d_pb2.py": b"1"}

    assert generate.differences(committed, fresh) == [
        "left over: a_pb2.py",
        "out of date: c_pb2.py",
        "missing: d_pb2.py",
    ]


@pytest.mark.parametrize(
    ("stamp", "package"), [(PROTOBUF_STAMP, "protobuf"), (GRPC_STAMP, "grpcio")]
)
def test_no_generated_file_needs_more_than_we_require(stamp: re.Pattern[str], package: str) -> None:
    stamps = {Version(found) for path in GENERATED for found in stamp.findall(path.read_text())}

    assert stamps
    assert max(stamps) <= floor_of(package)


def floor_of(package: str) -> Version:
    """The lowest version that pyproject.toml lets an installer choose."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(line) for line in project["dependencies"]]
    (specifier,) = [item.specifier for item in requirements if item.name == package]
    return max(Version(part.version) for part in specifier if part.operator in (">=", "=="))
