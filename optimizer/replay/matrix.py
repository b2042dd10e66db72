"""Recorded answers of many models to the same questions, read from a gzipped JSON file.

Knows the file's form (``answers`` by model, ``gold``, ``question_ids``); knows nothing of spaces,
votes or halves. An answer is right when it equals gold; a null answer is a spent, empty vote.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from runtime.documents.suggest import did_you_mean
from runtime.errors import ConfigInvalid

__all__ = ["MAX_MATRIX_BYTES", "AnswerMatrix", "load_matrix", "matrix_from_data"]

MAX_MATRIX_BYTES: Final = 1 << 30
"""Larger matrices, unpacked, are refused."""

_EMPTY: Final = -1


@dataclass(frozen=True, slots=True)
class AnswerMatrix:
    """What every model answered, as small numbers that are equal where the answers are.

    ``codes`` has shape ``(models, questions)``; -1 is an empty answer. ``right`` has the same
    shape. ``chars`` holds lengths of the recorded outputs where the file has them, else zeros;
    ``cost_usd`` and ``latency_s`` are ``None`` where the file has none.
    """

    models: tuple[str, ...]
    question_ids: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    right: npt.NDArray[np.bool_]
    chars: npt.NDArray[np.int64]
    cost_usd: npt.NDArray[np.float64] | None
    latency_s: npt.NDArray[np.float64] | None
    sha256: str
    """Of the file as read, empty for data that came from no file."""

    def rows_of(self, names: Sequence[str]) -> list[int]:
        """Return the rows of models by name.

        Raises:
            ConfigInvalid: A name is not in the matrix.
        """
        index = {name: row for row, name in enumerate(self.models)}
        for name in names:
            if name not in index:
                hint = did_you_mean(name, self.models)
                raise ConfigInvalid(f'"{name[:80]}" has no answers in the matrix{hint}')
        return [index[name] for name in names]


def load_matrix(path: Path) -> AnswerMatrix:
    """Read a matrix file.

    Raises:
        ConfigInvalid: The file cannot be read, is no gzipped JSON, or has the wrong form.
    """
    try:
        packed = path.read_bytes()
        with gzip.open(path) as stream:
            text = stream.read(MAX_MATRIX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as failure:
        reason = getattr(failure, "strerror", None) or "is not a whole gzip file"
        raise ConfigInvalid(f"cannot be read: {reason}", file=str(path)) from None
    if len(text) > MAX_MATRIX_BYTES:
        raise ConfigInvalid(f"is larger than {MAX_MATRIX_BYTES >> 20} MiB", file=str(path))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigInvalid("is not JSON", file=str(path)) from None
    return matrix_from_data(data, file=str(path), sha256=hashlib.sha256(packed).hexdigest())


def matrix_from_data(data: object, *, file: str = "", sha256: str = "") -> AnswerMatrix:
    """Check and encode a matrix that is already plain data.

    Raises:
        ConfigInvalid: Names the field that has the wrong form.
    """
    if not isinstance(data, Mapping):
        raise ConfigInvalid("must be a mapping with question_ids, gold and answers", file=file)
    ids = _list(data, "question_ids", file)
    if not ids:
        raise ConfigInvalid("needs at least one question", file=file, field="question_ids")
    if len(set(map(str, ids))) != len(ids):
        raise ConfigInvalid("holds an id twice", file=file, field="question_ids")
    gold = _list(data, "gold", file, length=len(ids))
    answers = data.get("answers")
    if not isinstance(answers, Mapping) or not answers:
        raise ConfigInvalid("must map each model to its answers", file=file, field="answers")
    models = tuple(str(name) for name in answers)
    columns = [_list(answers, name, file, length=len(ids), under="answers") for name in answers]
    codes, right = _encode(columns, gold, file)
    chars = _numbers(data, "output_chars", models, len(ids), file)
    return AnswerMatrix(
        models=models,
        question_ids=tuple(str(one) for one in ids),
        codes=codes,
        right=right,
        chars=np.zeros(codes.shape, np.int64) if chars is None else chars.astype(np.int64),
        cost_usd=_numbers(data, "cost_usd", models, len(ids), file),
        latency_s=_numbers(data, "latency_s", models, len(ids), file),
        sha256=sha256,
    )


def _list(
    data: Mapping[str, object], key: str, file: str, *, length: int | None = None, under: str = ""
) -> Sequence[object]:
    field = f"{under}.{key}" if under else key
    value = data.get(key)
    if not isinstance(value, list):
        raise ConfigInvalid("must be a list", file=file, field=field)
    if length is not None and len(value) != length:
        reason = f"has {len(value)} entries for {length} questions"
        raise ConfigInvalid(reason, file=file, field=field)
    return value


def _encode(
    columns: Sequence[Sequence[object]], gold: Sequence[object], file: str
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Number the distinct answers of each question in order of first appearance."""
    codes = np.full((len(columns), len(gold)), _EMPTY, np.int32)
    right = np.zeros(codes.shape, np.bool_)
    for question, wanted in enumerate(gold):
        numbers: dict[object, int] = {}
        for row, column in enumerate(columns):
            answer = column[question]
            if answer is None:
                continue
            if not isinstance(answer, str | int | float):
                reason = f"entry {question} must be text, a number or null"
                raise ConfigInvalid(reason, file=file, field="answers")
            codes[row, question] = numbers.setdefault(answer, len(numbers))
            right[row, question] = answer == wanted
    return codes, right


def _numbers(
    data: Mapping[str, object], key: str, models: Sequence[str], questions: int, file: str
) -> npt.NDArray[np.float64] | None:
    """Read an optional table of numbers by model; null counts as 0."""
    table = data.get(key)
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ConfigInvalid("must map each model to a list", file=file, field=key)
    values = np.zeros((len(models), questions))
    for row, model in enumerate(models):
        if model not in table:
            continue
        column = _list(table, model, file, length=questions, under=key)
        if not all(isinstance(one, int | float) or one is None for one in column):
            raise ConfigInvalid("must hold numbers", file=file, field=f"{key}.{model}")
        values[row] = [0.0 if one is None else float(str(one)) for one in column]
    return values
