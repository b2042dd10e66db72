"""Whether a LoRA adapter fits a model, told from both files' headers; no weight is read.

libllama looks again when it loads them. This is asked before, so that what does not fit is refused
when it is registered and not when a device has taken it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.models.gguf_check import GgufSummary, check_gguf
from runtime.errors import ModelInvalid

__all__ = ["AdapterFacts", "check_adapter"]

_HALVES: Final = (".lora_a", ".lora_b")
_FACTOR_DIMENSIONS: Final = 2


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What an adapter's header says."""

    rank: int
    """Width of its factors; of several the largest."""
    tensors: int
    """Tensors of the model that it corrects."""
    parameters: int


def check_adapter(adapter: Path, base: Path) -> AdapterFacts:
    """Compare an adapter with the model that it is to correct.

    Raises:
        ModelInvalid: A file is broken, is no adapter, or one of another model; in one line.
    """
    found, model = check_gguf(adapter), check_gguf(base)
    reason = _mismatch(found, model)
    if reason:
        raise ModelInvalid(f"{adapter}: does not fit {base.name}: {reason}")
    factors = dict(_factors(found.shapes))
    return AdapterFacts(
        rank=max(shapes[".lora_a"][1] for shapes in factors.values()),
        tensors=len(factors),
        parameters=found.parameters,
    )


def _mismatch(found: GgufSummary, model: GgufSummary) -> str:
    """Return why they do not fit; empty if they do."""
    if model.kind != "model":
        return f"that is no model but of type {model.kind}"
    if (found.kind, found.adapter_type) != ("adapter", "lora"):
        return "it is no LoRA adapter"
    if found.architecture != model.architecture:
        return f"it corrects {found.architecture} models, this is {model.architecture}"
    strangers = [name for name in found.shapes if not name.endswith(_HALVES)]
    if strangers:
        return f"it holds {strangers[0]}, which is no factor of a tensor"
    reasons = (
        _factor_mismatch(name, shapes, model.shapes) for name, shapes in _factors(found.shapes)
    )
    return next(filter(None, reasons), "")


def _factors(
    shapes: Mapping[str, tuple[int, ...]],
) -> Iterator[tuple[str, Mapping[str, tuple[int, ...]]]]:
    """Yield each tensor that is corrected, with the shapes of its factors."""
    names = sorted({name.rpartition(".")[0] for name in shapes})
    for name in names:
        yield name, {half: shapes[name + half] for half in _HALVES if name + half in shapes}


def _factor_mismatch(
    name: str, factors: Mapping[str, tuple[int, ...]], known: Mapping[str, tuple[int, ...]]
) -> str:
    if name not in known:
        return f"the model has no tensor {name}"
    if len(factors) < len(_HALVES):
        return f"one factor of {name} is missing"
    first, second, wanted = factors[".lora_a"], factors[".lora_b"], known[name]
    if not len(first) == len(second) == len(wanted) == _FACTOR_DIMENSIONS:
        return f"{name} and its factors are not all matrices"
    if first[1] != second[0]:
        return f"the factors of {name} have ranks {first[1]} and {second[0]}"
    if (first[0], second[1]) != wanted:
        made = f"{first[0]} x {second[1]}"
        return f"it makes {name} {made}, and the model's is {wanted[0]} x {wanted[1]}"
    return ""
