"""One decoder graph in onnxruntime: what it takes and gives in the common export naming.

``input_ids``, ``attention_mask``, ``position_ids`` where there are some and
``past_key_values.N.key|value`` go in, ``logits`` and ``present.N.key|value`` come out. Knows
tensors; no sequences, no text.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.engine.confinement import bound_loading
from edge.models.files import data_names
from runtime.errors import EngineCrashed, ModelInvalid
from runtime.onnx_runtime import onnxruntime

__all__ = ["DecoderGraph", "Ids", "Logits", "Past", "session_of", "size_bytes", "value_of"]

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Past = tuple[Any, ...]
"""``OrtValue`` of key and value of each layer, each ``(batch, heads, tokens, width)``."""

_PAST: Final = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_IDS, _MASK, _POSITIONS, _BRANCH = "input_ids", "attention_mask", "position_ids", "use_cache_branch"
_ROWS: Final = ("num_logits_to_keep", "logits_to_keep")
"""How the number of last tokens is called that logits are asked for, where a graph takes one."""
_WHOLE_NUMBERS: Final[dict[str, type[np.integer[Any]]]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_REALS: Final[dict[str, type[np.floating[Any]]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
_RANK: Final = 4
_LOADING_BYTES: Final = 4 << 30
_LOADING_SHARE: Final = 8
"""Address space that loading may take, as a multiple of the files: constants are unpacked."""
_REASON_CHARACTERS: Final = 300


class DecoderGraph:
    """A loaded graph.

    Args:
        path: The ONNX file.
        threads: Threads of a run.

    Raises:
        ModelInvalid: onnxruntime does not accept it, or it is no decoder with a cache; one line.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._session = session_of(path, threads)
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        """What the file says of itself."""
        inputs = {one.name: one for one in self._session.get_inputs()}
        self._caches = _caches(inputs)
        _refuse_others(inputs, {one.name for one in self._caches})
        self._kinds = {
            name: _kind(inputs[name], _WHOLE_NUMBERS)
            for name in (_IDS, _MASK, _POSITIONS, *_ROWS)
            if name in inputs
        }
        self._has_branch = _BRANCH in inputs
        self._rows = next((inputs[name] for name in _ROWS if name in inputs), None)
        self._outputs = ["logits", *(_present(one.name) for one in self._caches)]
        missing = set(self._outputs) - {one.name for one in self._session.get_outputs()}
        if missing:
            raise ModelInvalid(f"it has no output {min(missing)}, so it cannot keep a cache")
        self.layers = len(self._caches) // 2
        self.cache_kind = _kind(self._caches[0], _REALS)
        """Of keys and values."""
        self._shapes = [_heads_and_width(one) for one in self._caches]

    @property
    def token_bytes(self) -> int:
        """Memory of keys and values of one token."""
        size = np.dtype(self.cache_kind).itemsize
        return sum(heads * width * size for heads, width in self._shapes)

    def empty(self, rows: int) -> Past:
        """Return the cache before the first token of so many sequences."""
        return tuple(value_of(array) for array in self.zeros(rows, 0))

    def zeros(self, rows: int, tokens: int) -> list[npt.NDArray[Any]]:
        """Return arrays for the keys and values of so many sequences and tokens."""
        return [
            np.zeros((rows, heads, tokens, width), self.cache_kind) for heads, width in self._shapes
        ]

    def run(self, ids: Ids, mask: Ids, past: Past, *, rows: int = 0) -> tuple[Any, Past]:
        """Read tokens that follow a cache.

        Args:
            ids: Shape ``(batch, tokens)``.
            mask: Shape ``(batch, cached + tokens)``: 0 where there is padding.
            past: What was read before.
            rows: For how many of the last tokens logits are asked, where the graph lets one
                choose; 0 asks for all.

        Returns:
            Logits as an ``OrtValue`` of shape ``(batch, rows or 1, vocabulary)``, and the cache
            with the tokens added.

        Raises:
            EngineCrashed: onnxruntime failed.
        """
        length = ids.shape[1]
        feed = {_IDS: ids, _MASK: mask}
        if _POSITIONS in self._kinds:
            feed[_POSITIONS] = np.maximum(mask.cumsum(axis=1) - 1, 0)[:, -length:]
        values = {
            name: value_of(array.astype(self._kinds[name], order="C", copy=False))
            for name, array in feed.items()
            if name in self._kinds
        }
        if self._has_branch:
            values[_BRANCH] = value_of(np.array([mask.shape[1] > length]))
        if self._rows is not None:
            shape = (1,) * len(self._rows.shape)
            kind = self._kinds[self._rows.name]
            values[self._rows.name] = value_of(np.full(shape, rows or length, kind))
        values |= {cache.name: held for cache, held in zip(self._caches, past, strict=True)}
        try:
            logits, *present = self._session.run_with_ort_values(self._outputs, values)
        except Exception as error:  # noqa: BLE001 - its errors have no base of their own
            # Their text may name the numbers of tokens.
            raise EngineCrashed(f"onnxruntime failed: {type(error).__name__}") from None
        return logits, tuple(present)


def size_bytes(path: Path) -> int:
    """Size of a graph and of the files in which it keeps its weights."""
    named = data_names(path.name)
    files = (
        one for one in path.parent.glob("*") if one.name.startswith(path.name) or one.name in named
    )
    return sum(one.stat().st_size for one in files if one.is_file())


def value_of(array: npt.NDArray[Any]) -> Any:
    """Return an array as onnxruntime takes it; the memory is shared."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.asarray(array, order="C"))


def session_of(path: Path, threads: int) -> Any:
    """Load a graph.

    Raises:
        ModelInvalid: onnxruntime does not accept it; one line.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Every length would leave a pattern behind: a cache grows by a token at each run.
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    bound_loading(_LOADING_BYTES + _LOADING_SHARE * size_bytes(path))
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its errors have no base of their own
        reason = " ".join(str(error).split())[:_REASON_CHARACTERS]
        raise ModelInvalid(f"onnxruntime does not accept it: {reason}") from None


def _caches(inputs: dict[str, Any]) -> list[Any]:
    """Return the inputs of the cache, layer by layer, keys first."""
    found = {name: match for name in inputs if (match := _PAST.fullmatch(name))}
    names = sorted(found, key=lambda name: (int(found[name][1]), found[name][2]))
    if not names or _IDS not in inputs:
        raise ModelInvalid("it is no decoder with a cache: input_ids, past_key_values.N.key|value")
    if len(names) % 2:
        raise ModelInvalid("its past_key_values are not pairs of keys and values")
    return [inputs[name] for name in names]


def _refuse_others(inputs: dict[str, Any], caches: set[str]) -> None:
    unknown = inputs.keys() - caches - {_IDS, _MASK, _POSITIONS, _BRANCH, *_ROWS}
    if unknown:
        raise ModelInvalid(f"it asks for an input {min(unknown)}, which is not served")
    if _MASK not in inputs:
        raise ModelInvalid("it has no input attention_mask")


def _present(past: str) -> str:
    return past.replace("past_key_values", "present", 1)


def _kind(argument: Any, known: dict[str, Any]) -> Any:
    if argument.type not in known:
        wanted = " or ".join(known)
        raise ModelInvalid(f"its input {argument.name} is {argument.type}; {wanted} is served")
    return known[argument.type]


def _heads_and_width(cache: Any) -> tuple[int, int]:
    shape: Sequence[Any] = cache.shape
    if len(shape) != _RANK or not all(type(shape[axis]) is int for axis in (1, 3)):
        raise ModelInvalid(
            f"its input {cache.name} has not the shape (batch, heads, tokens, width) with fixed "
            "heads and width"
        )
    return shape[1], shape[3]
