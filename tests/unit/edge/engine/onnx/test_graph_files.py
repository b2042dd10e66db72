"""What counts to the size of a graph, and so to the memory that reading it may take."""

from pathlib import Path

import pytest

from edge.engine.onnx.graph import size_bytes


@pytest.mark.parametrize("weights", ["model.onnx_data", "model.onnx.data", "model.data"])
def test_weights_beside_a_graph_count_under_every_name_that_exporters_give_them(
    tmp_path: Path, weights: str
) -> None:
    (tmp_path / "model.onnx").write_bytes(bytes(10))
    (tmp_path / weights).write_bytes(bytes(700))
    (tmp_path / "other.onnx").write_bytes(bytes(3000))

    assert size_bytes(tmp_path / "model.onnx") == 710
