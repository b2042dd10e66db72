"""Whether the tensors of a call are what a model takes, said in a sentence where they are not.

The sentences name the model's own tensors and what the caller may know anyway: datatypes and
sizes. No value is ever quoted.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from edge.tensors.tensor import (
    BYTES,
    MAX_TENSOR_BYTES,
    WIDTHS,
    Tensor,
    TensorFacts,
    elements_of,
)
from runtime.errors import RequestInvalid

__all__ = ["check_inputs", "check_outputs"]

_MAX_RANK: Final = 16
_SHOWN_NAMES: Final = 8


def check_inputs(inputs: Sequence[Tensor], takes: Sequence[TensorFacts]) -> None:
    """Refuse tensors that a model does not take.

    Args:
        inputs: What a caller sent.
        takes: What the model takes.

    Raises:
        RequestInvalid: One is missing, unknown, there twice, of another datatype or shape, or has
            other values than its shape says; or all together are too large.
    """
    known = {facts.name: facts for facts in takes}
    seen: set[str] = set()
    for tensor in inputs:
        facts = known.get(tensor.name)
        if facts is None:
            raise RequestInvalid(f"the model has no such input; it takes {_names(known)}")
        if tensor.name in seen:
            raise RequestInvalid(f"input {tensor.name} is there twice")
        seen.add(tensor.name)
        _check_tensor(tensor, facts)
    missing = [name for name in known if name not in seen]
    if missing:
        raise RequestInvalid(f"input {missing[0]} is missing; the model takes {_names(known)}")
    total = sum(len(tensor.data) for tensor in inputs)
    if total > MAX_TENSOR_BYTES:
        raise RequestInvalid(f"the inputs have {total} bytes; at most {MAX_TENSOR_BYTES} are taken")


def check_outputs(names: Sequence[str], gives: Sequence[TensorFacts]) -> None:
    """Refuse names of outputs that a model does not give.

    Raises:
        RequestInvalid: One is unknown, or there twice.
    """
    known = [facts.name for facts in gives]
    if not set(names) <= set(known):
        raise RequestInvalid(f"the model has no such output; it gives {_names(known)}")
    if len(set(names)) != len(names):
        raise RequestInvalid("an output is asked for twice")


def _check_tensor(tensor: Tensor, facts: TensorFacts) -> None:
    name = facts.name
    if tensor.datatype != facts.datatype:
        raise RequestInvalid(f"input {name} must be {facts.datatype}")
    _check_shape(tensor, facts)
    if tensor.datatype == BYTES:
        _check_elements(tensor)
        return
    expected = tensor.count * WIDTHS[tensor.datatype]
    if len(tensor.data) != expected:
        raise RequestInvalid(
            f"input {name} has {len(tensor.data)} bytes of values; its shape asks for {expected}"
        )


def _check_shape(tensor: Tensor, facts: TensorFacts) -> None:
    shape, name = tensor.shape, facts.name
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise RequestInvalid(f"input {name} has a shape that no tensor has")
    fits = len(shape) == len(facts.shape) and all(
        wanted in {-1, size} for size, wanted in zip(shape, facts.shape, strict=True)
    )
    if not fits:
        raise RequestInvalid(
            f"input {name} has shape {list(shape)}; the model takes {list(facts.shape)}"
        )


def _check_elements(tensor: Tensor) -> None:
    try:
        elements = list(elements_of(tensor.data))
    except ValueError:
        raise RequestInvalid(
            f"input {tensor.name}: a length points beyond its bytes; each value has four bytes of "
            "length before it"
        ) from None
    if len(elements) != tensor.count:
        raise RequestInvalid(
            f"input {tensor.name} has {len(elements)} values; its shape asks for {tensor.count}"
        )
    for element in elements:
        try:
            element.decode()
        except UnicodeDecodeError:
            raise RequestInvalid(
                f"input {tensor.name} has a value that is not UTF-8; strings of ONNX are text"
            ) from None


def _names(names: Iterable[str]) -> str:
    names = list(names)
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more if names else "none"
