"""Write a LoRA adapter as the GGUF file that llama.cpp, and so an edge, loads beside its model.

Knows factors and their names; knows no training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

__all__ = ["Factors", "write_adapter"]


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """A tensor's correction: ``up @ down``, times ``alpha / rank``."""

    down: npt.NDArray[np.float32]
    """Shape ``(rank, in)``."""
    up: npt.NDArray[np.float32]
    """Shape ``(out, rank)``."""


def write_adapter(
    path: Path, factors: Mapping[str, Factors], *, name: str, alpha: float, base: str
) -> None:
    """Write the file.

    Args:
        path: Where to.
        factors: By the name that the tensor has in the model's file.
        name: What the adapter is called.
        alpha: Its strength, in ranks.
        base: What the model is called that it corrects.
    """
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    writer.add_name(name)
    writer.add_description(f"LoRA adapter of the reference model {base}.")
    for tensor, pair in factors.items():
        writer.add_tensor(f"{tensor}.lora_a", np.ascontiguousarray(pair.down))
        writer.add_tensor(f"{tensor}.lora_b", np.ascontiguousarray(pair.up))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
