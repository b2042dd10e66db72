"""A real daemon, asked by the stock Triton client in an environment of its own."""

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.tensors.tensor import WIDTHS
from runtime.testing.local_roles import LocalRoles, edit_yaml
from tests.integration.layouts import lonely_layout
from tests.integration.open_inference.graphs import everything, summing

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
LOCK = HERE / "client.lock"
HOME = ROOT / "var" / "open-inference-client"
UV = Path(sysconfig.get_path("scripts")) / "uv"
WEIGHTS = ROOT / "reference" / "weights" / "tern-xs.gguf"
POLICY = (ROOT / "deploy" / "policies" / "clinic.yaml").read_text()


@pytest.fixture(scope="module")
def client_python() -> Path:
    """An environment with the locked client; made when it is not there, or its lock is newer."""
    python, mark = HOME / "bin" / "python", HOME / ".installed"
    if not mark.exists() or mark.stat().st_mtime < LOCK.stat().st_mtime:
        install = ["pip", "install", "-q", "--require-hashes", "-p", str(python), "-r", str(LOCK)]
        for arguments in (["venv", "-q", "--clear", "-p", sys.executable, str(HOME)], install):
            subprocess.run([str(UV), *arguments], check=True, timeout=300)
        mark.touch()
    return python


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    layout = lonely_layout(tmp_path, weights=WEIGHTS, policy_text=POLICY)
    models = {
        "sum": {"file": str(summing(tmp_path / "sum.onnx")), "threads": 1},
        "everything": {"file": str(everything(tmp_path / "everything.onnx")), "threads": 1},
    }
    edit_yaml(layout.edge_config, layout.edge_config, {"tensor_models": models})
    roles = LocalRoles(tmp_path, dict(os.environ))
    try:
        yield (await roles.serve("edge", "edge", layout.edge_config))["grpc"]
    finally:
        await roles.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_stock_client_asks_and_infers_unmodified(
    client_python: Path, address: str
) -> None:
    command = [str(client_python), "-I", str(HERE / "stock_client.py"), address]

    run = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )

    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert (seen["live"], seen["ready"], seen["model_ready"]) == (True, True, True)
    assert seen["unknown_ready"] is False
    assert seen["server"] == "leeward"
    assert seen["sum"] == [[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]]
    assert seen["sum_metadata"]["platform"] == "onnxruntime_onnx"
    assert seen["sum_metadata"]["inputs"][0] == {
        "name": "a", "datatype": "FP32", "shape": ["-1", "3"]
    }  # fmt: skip
    assert seen["same"] == {f"in_{kind}": True for kind in (*WIDTHS, "BYTES")}
    assert seen["refusal"] == {
        "status": "StatusCode.INVALID_ARGUMENT",
        "message": "input a has shape [2, 2]; the model takes [-1, 3]",
    }
