"""Promise 3, where a library would open a door of its own: ONNX Runtime tells nobody of its use.

Unless it is kept from it before it loads, its wheel makes an id of the device and a store of events
in the home directory, and sends them off some seconds later.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GRAPH = ROOT / "reference" / "weights" / "tern-xs.onnx"
DOORS = {
    "the daemon's sentinel": (
        "from pathlib import Path; from runtime.sentinel.tagger.model import SentinelModel;"
        "SentinelModel(Path('runtime/sentinel/weights'))"
    ),
    "the engine's child": (
        "from pathlib import Path; from edge.engine.onnx.graph import session_of;"
        f"session_of(Path({str(GRAPH)!r}), 1)"
    ),
}


def made_in_home(code: str, home: Path) -> list[str]:
    """Return what a process leaves in its home directory; on machines of CI the library is shy."""
    environment = {"HOME": str(home), "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=60)
    return [str(path.relative_to(home)) for path in sorted(home.rglob("*"))]


@pytest.mark.parametrize("loader", DOORS)
def test_loading_a_model_makes_no_id_and_no_store_of_events(loader: str, tmp_path: Path) -> None:
    assert made_in_home(DOORS[loader], tmp_path) == []


def test_the_library_would_do_so_by_itself(tmp_path: Path) -> None:
    """Else the tests above could not fail; and what keeps it from it could go."""
    code = f"import onnxruntime; onnxruntime.InferenceSession({str(GRAPH)!r})"

    assert any(name.endswith("deviceid") for name in made_in_home(code, tmp_path))


def test_nobody_loads_it_past_the_module_that_silences_it() -> None:
    # A peer of a bench has an environment of its own, without this module: it does as it does.
    silenced = {ROOT / "runtime" / "onnx_runtime.py", ROOT / "bench" / "privacy_encoder_worker.py"}
    files = [
        f
        for room in ("runtime", "edge", "cloud", "optimizer", "reference", "bench")
        for f in (ROOT / room).rglob("*.py")
        if f not in silenced
    ]

    assert [str(f.relative_to(ROOT)) for f in files if "onnxruntime" in imported(f)] == []
    for file in silenced:
        said, _, loaded = file.read_text().partition("import onnxruntime\n")
        assert 'os.environ["ORT_DISABLE_TELEMETRY"] = "1"' in said
        assert loaded


def imported(file: Path) -> set[str]:
    """Return the top names of what a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
