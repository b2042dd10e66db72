"""Generate the contract's Python code beside its protos, or check that it is up to date.

Usage: ``python protos/generate.py [--check]``. With ``--check`` nothing is written: the code is
generated into a temporary folder, and the exit status is 1 when it differs from what is committed.
Knows paths and plugins only; what the contract says is in ``leeward/v1/*.proto``, and what others'
says in ``inference_v2``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from importlib.resources import files
from pathlib import Path

PROTOS = Path(__file__).resolve().parent
PACKAGES = (Path("inference_v2"), Path("leeward/v1"))
GENERATED_SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def generate(out: Path) -> None:
    """Write the generated code of every proto under ``out``.

    Raises:
        subprocess.CalledProcessError: A proto does not compile; protoc has said why on stderr.
    """
    scripts = Path(sysconfig.get_path("scripts"))
    sources = sorted(
        path.relative_to(PROTOS).as_posix()
        for package in PACKAGES
        for path in PROTOS.glob(f"{package}/*.proto")
    )
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        *sources,
    ]
    subprocess.run(command, check=True)  # noqa: S603 - every argument is ours


def generated_under(root: Path) -> dict[str, bytes]:
    """Return the generated files of ``root`` by their path below it."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for package in PACKAGES
        for path in sorted((root / package).glob("*"))
        if path.name.endswith(GENERATED_SUFFIXES)
    }


def differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """Say which files a regeneration would add, change or remove, one line each."""
    lines = []
    for path in sorted(committed.keys() | fresh.keys()):
        if path not in committed:
            lines.append(f"missing: {path}")
        elif path not in fresh:
            lines.append(f"left over: {path}")
        elif committed[path] != fresh[path]:
            lines.append(f"out of date: {path}")
    return lines


def check() -> list[str]:
    """Generate into a temporary folder and return how the committed code differs."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        return differences(generated_under(PROTOS), generated_under(Path(folder)))


def write() -> None:
    """Replace the committed code."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = generated_under(Path(folder))
    for path in generated_under(PROTOS).keys() - fresh.keys():
        (PROTOS / path).unlink()
    for path, content in fresh.items():
        (PROTOS / path).write_bytes(content)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Generate the contract's Python code.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when the code is out of date"
    )
    if not parser.parse_args().check:
        write()
        return 0
    found = check()
    if found:
        sys.stderr.write("\n".join([*found, "run: python protos/generate.py", ""]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
