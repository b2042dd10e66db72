"""A hand-written source file has one subject and at most 400 lines (STYLE section 3)."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("runtime", "edge", "cloud", "optimizer", "reference", "bench", "protos")
MAX_LINES = 400
GENERATED = ("_pb2.py", "_pb2_grpc.py")
SOURCES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.name.endswith(GENERATED)
]


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_file_is_short_and_says_what_it_knows(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= MAX_LINES
    assert lines[0].startswith(('"""', 'r"""'))
